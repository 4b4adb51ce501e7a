#include "weir/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/utf8.h"

#define FIRST_ROOM 64

void buffer_release(struct buffer *b)
{
	free(b->data);
	*b = BUFFER_INIT;
}

void buffer_reset(struct buffer *b)
{
	b->size = 0;
	b->failed = false;
}

bool buffer_failed(const struct buffer *b) { return b->failed; }

static bool grow(struct buffer *b, size_t n)
{
	size_t room = b->room > 0 ? b->room : FIRST_ROOM;
	char *data;

	if (n > SIZE_MAX / 2 - b->size)
		return false;
	while (room < b->size + n)
		room *= 2;
	data = realloc(b->data, room);
	if (data == NULL)
		return false;
	b->data = data;
	b->room = room;
	return true;
}

char *buffer_reserve(struct buffer *b, size_t n)
{
	if (b->failed)
		return NULL;
	if ((b->data == NULL || n > b->room - b->size) && !grow(b, n)) {
		b->failed = true;
		return NULL;
	}
	return b->data + b->size;
}

void buffer_add(struct buffer *b, const void *data, size_t n)
{
	char *to = buffer_reserve(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, data, n);
	b->size += n;
}

void buffer_add_text(struct buffer *b, const char *text) { buffer_add(b, text, strlen(text)); }

void buffer_add_char(struct buffer *b, char c) { buffer_add(b, &c, 1); }

/* One try into the room that is there; a text that does not fit tells how much it wants. */
void buffer_printf(struct buffer *b, const char *fmt, ...)
{
	char *to = buffer_reserve(b, 1);
	va_list args;
	int wanted;

	if (to == NULL)
		return;
	va_start(args, fmt);
	wanted = vsnprintf(to, b->room - b->size, fmt, args);
	va_end(args);
	if (wanted >= 0 && (size_t)wanted >= b->room - b->size) {
		to = buffer_reserve(b, (size_t)wanted + 1);
		if (to == NULL)
			return;
		va_start(args, fmt);
		wanted = vsnprintf(to, (size_t)wanted + 1, fmt, args);
		va_end(args);
	}
	if (wanted < 0)
		b->failed = true;
	else
		b->size += (size_t)wanted;
}

static void put_be(unsigned char *to, uint64_t v, size_t bytes)
{
	while (bytes-- > 0) {
		to[bytes] = (unsigned char)(v & 0xFF);
		v >>= 8;
	}
}

static void add_be(struct buffer *b, uint64_t v, size_t bytes)
{
	unsigned char made[8];

	put_be(made, v, bytes);
	buffer_add(b, made, bytes);
}

void buffer_add_be16(struct buffer *b, uint16_t v) { add_be(b, v, 2); }

void buffer_add_be32(struct buffer *b, uint32_t v) { add_be(b, v, 4); }

void buffer_add_be64(struct buffer *b, uint64_t v) { add_be(b, v, 8); }

/* After a failed allocation the place may never have been made. */
void buffer_put_be32(struct buffer *b, size_t at, uint32_t v)
{
	if (b->size >= 4 && at <= b->size - 4)
		put_be((unsigned char *)b->data + at, v, 4);
}

static bool stands_as_it_is(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* The characters of ASCII that a JSON string cannot hold as they are. */
static void add_escaped(struct buffer *b, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *found = c != '\0' ? strchr(from, c) : NULL;

	if (found == NULL) {
		buffer_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
		return;
	}
	buffer_add_char(b, '\\');
	buffer_add_char(b, to[found - from]);
}

/* Adds one character that needs a look; returns how many bytes it took. */
static size_t add_special(struct buffer *b, const char *text, size_t size)
{
	size_t step = utf8_step(text, size);

	if (step == 0)
		buffer_add_text(b, "\xEF\xBF\xBD");
	else if (step == 1)
		add_escaped(b, text[0]);
	else
		buffer_add(b, text, step);
	return step > 0 ? step : 1;
}

void buffer_add_json(struct buffer *b, struct weir_text text)
{
	size_t at = 0;

	if (text.data == NULL) {
		buffer_add_text(b, "null");
		return;
	}
	buffer_add_char(b, '"');
	while (at < text.size) {
		size_t plain = 0;

		while (at + plain < text.size && stands_as_it_is(text.data[at + plain]))
			plain++;
		buffer_add(b, text.data + at, plain);
		at += plain;
		if (at < text.size)
			at += add_special(b, text.data + at, text.size - at);
	}
	buffer_add_char(b, '"');
}

const char *buffer_text(struct buffer *b)
{
	char *end = buffer_reserve(b, 1);

	if (end == NULL)
		return NULL;
	*end = '\0';
	return b->data;
}
