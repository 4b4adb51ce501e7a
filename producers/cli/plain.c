#include "plain.h"

#include <string.h>

/* Characters outside ASCII that steer a terminal, or the eye: those from first to last differ in
 * their last byte alone. */
static const struct {
	const char *first, *last;
} steering[] = {
	{"\xC2\x80", "\xC2\x9F"}, /* C1, which some terminals obey */
	{"\xD8\x9C", "\xD8\x9C"}, /* the direction from here on */
	{"\xE2\x80\x8E", "\xE2\x80\x8F"},
	{"\xE2\x80\xA8", "\xE2\x80\xA9"}, /* the end of a line, of a paragraph */
	{"\xE2\x80\xAA", "\xE2\x80\xAE"},
	{"\xE2\x81\xA6", "\xE2\x81\xA9"},
	{"\xEF\xBB\xBF", "\xEF\xBB\xBF"},
};

static size_t steering_size(const char *bytes, size_t size)
{
	const unsigned char *text = (const unsigned char *)bytes;
	if (text[0] < 0x20 || text[0] == 0x7F)
		return 1;
	for (size_t i = 0; text[0] > 0x7F && i < sizeof steering / sizeof *steering; i++) {
		size_t n = strlen(steering[i].first);
		if (size >= n && memcmp(text, steering[i].first, n - 1) == 0 &&
		    text[n - 1] >= (unsigned char)steering[i].first[n - 1] &&
		    text[n - 1] <= (unsigned char)steering[i].last[n - 1])
			return n;
	}
	return 0;
}

static char in_place_of(char control)
{
	return control == '\t' || control == '\n' || control == '\r' ? ' ' : '?';
}

void print_plain(struct buffer *b, struct weir_text text)
{
	const char *at = text.data;
	for (size_t left = text.size; at && left > 0;) {
		size_t control = steering_size(at, left);
		size_t step = control ? control : 1;
		buffer_add_char(b, control ? in_place_of(*at) : *at);
		at += step;
		left -= step;
	}
}

void print_escaped(struct buffer *b, struct weir_text text)
{
	size_t left = 0; /* bytes of a character that steers */
	for (size_t i = 0; i < text.size; i++) {
		const char *at = text.data + i;
		if (left == 0 && *at != '\n')
			left = steering_size(at, text.size - i);
		if (left > 0)
			buffer_printf(b, "\\x%02x", (unsigned char)*at);
		else
			buffer_add_char(b, *at);
		left -= left > 0;
	}
}

struct weir_text print_text(const char *text)
{
	return (struct weir_text){*text ? text : NULL, strlen(text)};
}
