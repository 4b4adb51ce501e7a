/* answer_keys.h: keys that stand twice in an object. Private to libweir. */
#ifndef WEIR_ANSWER_KEYS_H
#define WEIR_ANSWER_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* Of valid JSON in which a key stands twice: whether it has the same value each time, to the byte.
 * Also false where that cannot be told: memory is short, or a key is written in two ways. */
bool answer_keys_agree(const char *json, size_t size);

#endif
