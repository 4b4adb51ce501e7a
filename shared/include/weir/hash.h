/* hash.h: numbers that tell texts apart: FNV-1a. Not for texts of somebody who would like two of
 * them to be taken for one. Source: Fowler, Noll and Vo, www.isthe.com/chongo/tech/comp/fnv (in the
 * public domain). Nothing blocks. */
#ifndef WEIR_HASH_H
#define WEIR_HASH_H

#include "weir/plugin.h"

#define HASH_SIZE 33 /* hexadecimal, with its NUL */

/* 128 bits, of the one text, and then the other. */
void hash_texts(struct weir_text one, struct weir_text other, char out[HASH_SIZE]);

/* 32 bits: the 64 of FNV-1a, folded. */
uint32_t hash_short(struct weir_text text);

#endif
