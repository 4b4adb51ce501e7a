/* buffer.h: bytes that grow. An allocation that fails is remembered: append on, check once at the
 * end with buffer_failed(). The owner calls buffer_release(). Nothing blocks. */
#ifndef WEIR_BUFFER_H
#define WEIR_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct buffer {
	char *data;
	size_t size, room;
	bool failed;
};

#define BUFFER_INIT ((struct buffer){0})

void buffer_release(struct buffer *b); /* frees; b is then as BUFFER_INIT */
void buffer_reset(struct buffer *b);   /* empties, keeps the memory, forgets a failure */
bool buffer_failed(const struct buffer *b);

/* Makes room for n more bytes and returns where they go (then add to size yourself), or NULL. The
 * pointer holds until the next call. */
char *buffer_reserve(struct buffer *b, size_t n);

void buffer_add(struct buffer *b, const void *data, size_t n);
void buffer_add_text(struct buffer *b, const char *text); /* NUL-terminated; without the NUL */
void buffer_add_char(struct buffer *b, char c);
void buffer_printf(struct buffer *b, const char *fmt, ...) WEIR_FORMAT(2, 3);

/* Big-endian integers: what PostgreSQL's binary format wants. */
void buffer_add_be16(struct buffer *b, uint16_t v);
void buffer_add_be32(struct buffer *b, uint32_t v);
void buffer_add_be64(struct buffer *b, uint64_t v);
void buffer_put_be32(struct buffer *b, size_t at, uint32_t v); /* overwrites 4 bytes */

/* Adds a JSON string literal, with its quotes; invalid UTF-8 becomes U+FFFD. An absent text (data
 * is NULL) becomes null. U+0000 becomes \u0000, which jsonb refuses. */
void buffer_add_json(struct buffer *b, struct weir_text text);

/* NUL-terminates (the NUL is not counted) and returns data, or NULL when an allocation failed. */
const char *buffer_text(struct buffer *b);

#endif
