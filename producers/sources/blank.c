#include "blank.h"

#include <string.h>

/* Blanks of all kinds, and what is not seen. Source: Unicode 15, White_Space and U+200B to U+200F,
 * U+2060, U+FEFF. */
static size_t blank_step(const char *c, size_t size)
{
	static const char *const wide[] = {
		"\xC2\xA0",	"\xC2\x85",	"\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9",
		"\xE2\x80\xAF", "\xE2\x81\x9F", "\xE2\x81\xA0", "\xE3\x80\x80", "\xEF\xBB\xBF"};

	if (*c == ' ' || (*c >= '\t' && *c <= '\r'))
		return 1;
	if (size >= 3 && memcmp(c, "\xE2\x80", 2) == 0 && (unsigned char)c[2] <= 0x8F)
		return 3;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		size_t n = strlen(wide[i]);

		if (size >= n && memcmp(c, wide[i], n) == 0)
			return n;
	}
	return 0;
}

struct weir_text blank_trim(struct weir_text text)
{
	size_t n;

	while (text.size && (n = blank_step(text.data, text.size))) {
		text.data += n;
		text.size -= n;
	}
	for (n = 1; n <= 3 && n <= text.size;) {
		if (blank_step(text.data + text.size - n, n) == n) {
			text.size -= n;
			n = 1;
		} else {
			n++;
		}
	}
	return text;
}
