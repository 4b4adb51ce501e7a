/* unpack.h: the bytes of a stream, unpacked where its first bytes say that it is gzip or zstd; its
 * name does not matter. Memory is bounded, whatever it unpacks to. Private to this folder. */
#ifndef WEIR_SOURCES_UNPACK_H
#define WEIR_SOURCES_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "weir/error.h"

struct unpacker;

struct unpack {
	FILE *stream;
	const struct unpacker *how; /* NULL: the bytes are as they are */
	void *state;		    /* the unpacker's */
	char *packed;		    /* what was read and not yet given out or unpacked */
	size_t at, end;
	bool over; /* the stream has no more */
};

/* Reads the first bytes; the stream stays the caller's. 0, or -1 with err (read_failed,
 * out_of_memory). Blocks as the stream does. */
int unpack_init(struct unpack *u, FILE *stream, struct weir_error *err) WEIR_MUST_CHECK;
void unpack_release(struct unpack *u); /* also after a failure */

/* Reads at least a byte and at most `room`, which is not 0; *size 0: there are no more. Members and
 * frames that follow each other are one stream, as gzip and zstd take them. Input that ends within
 * one, is damaged, or goes on with something else, is an error. 0, or -1 with err (read_failed,
 * out_of_memory). Blocks as the stream does. */
int unpack_read(struct unpack *u, char *data, size_t room, size_t *size,
		struct weir_error *err) WEIR_MUST_CHECK;

#endif
