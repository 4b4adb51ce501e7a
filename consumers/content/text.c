#include "text.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

static locale_t unicode;

int text_open(void)
{
	if (!unicode)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return unicode ? 0 : -1;
}

void text_close(void)
{
	if (unicode)
		freelocale(unicode);
	unicode = (locale_t)0;
}

/* ---- characters ---- */

uint32_t text_step(const char *text, size_t n, size_t *size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t more = s[0] < 0x80 ? 0 : s[0] < 0xC2 ? 4 : s[0] < 0xE0 ? 1 : s[0] < 0xF0 ? 2 : 3;
	uint32_t c = more == 0 ? s[0] : s[0] & (0x3Fu >> more);
	*size = 1;
	if (more >= n || more > 3)
		return 0xFFFD;
	for (size_t i = 1; i <= more; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0xFFFD;
		c = c << 6 | (s[i] & 0x3F);
	}
	*size = more + 1;
	return c;
}

static bool is_between(uint32_t c, uint32_t first, uint32_t last)
{
	return c >= first && c <= last;
}

/* Marks that belong to the letter before them, and the joiners. */
static bool is_mark(uint32_t c)
{
	return is_between(c, 0x300, 0x36F) || is_between(c, 0x1AB0, 0x1AFF) ||
	       is_between(c, 0x20D0, 0x20FF) || is_between(c, 0xFE00, 0xFE0F) || c == 0x200C ||
	       c == 0x200D;
}

static bool is_apostrophe(uint32_t c) { return c == '\'' || c == 0x2019; }

/* Blocks of Unicode: Hiragana and Katakana, CJK ideographs with their extensions. */
static bool is_without_blanks(uint32_t c)
{
	return is_between(c, 0x3041, 0x30FF) || is_between(c, 0x31F0, 0x31FF) ||
	       is_between(c, 0x3400, 0x4DBF) || is_between(c, 0x4E00, 0x9FFF) ||
	       is_between(c, 0xF900, 0xFAFF) || is_between(c, 0xFF66, 0xFF9D) ||
	       is_between(c, 0x20000, 0x3FFFF);
}

static bool is_word(uint32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
	return is_mark(c) || iswalnum_l((wint_t)c, unicode);
}

/* The no-break ones are no space to the C library. */
static bool is_blank(uint32_t c)
{
	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r');
	return c == 0xA0 || c == 0x2007 || c == 0x202F || iswspace_l((wint_t)c, unicode);
}

static bool is_nothing(uint32_t c) { return c == 0xAD || c == 0x200B || c == 0xFEFF; }

/* ---- words ---- */

void text_count(const char *text, size_t n, struct text_counts *counts)
{
	bool inside = false;
	for (size_t at = 0, size; at < n; at += size) {
		uint32_t c = text_step(text + at, n - at, &size);
		counts->characters++;
		if (is_without_blanks(c)) {
			counts->words++;
			inside = false;
		} else if (is_word(c)) {
			counts->words += !inside;
			inside = true;
		} else if (!is_apostrophe(c) && !is_nothing(c)) {
			inside = false;
		}
	}
}

/* ---- folding ---- */

static void add_character(struct out *out, uint32_t c)
{
	char bytes[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3F));
	bytes[0] = (char)(first[n] | c);
	out_add(out, bytes, n);
}

/* As it is typed: small, and without what typesetting makes of hyphens and apostrophes. */
static uint32_t to_plain(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	if (is_apostrophe(c))
		return '\'';
	if (c == 0x2010 || c == 0x2011)
		return '-';
	return (uint32_t)towlower_l((wint_t)c, unicode);
}

void text_fold(const char *text, size_t n, struct out *out)
{
	for (size_t at = 0, size; at < n; at += size) {
		uint32_t c = text_step(text + at, n - at, &size);
		if (is_nothing(c))
			continue;
		if (!is_blank(c))
			add_character(out, to_plain(c));
		else if (out->size > 0 && out->data[out->size - 1] != ' ')
			out_add(out, " ", 1);
	}
}

/* ---- finding ---- */

static bool begins_a_word(const char *text, size_t n)
{
	size_t size;
	uint32_t c = n ? text_step(text, n, &size) : ' ';
	return is_word(c) && !is_without_blanks(c);
}

static bool ends_a_word(const char *text, size_t n)
{
	size_t from = n;
	while (from > 0 && n - from < 4 && ((unsigned char)text[--from] & 0xC0) == 0x80)
		continue;
	return n > 0 && begins_a_word(text + from, n - from);
}

int64_t text_find(const char *text, size_t n, size_t from, const char *term, size_t term_size)
{
	bool left = begins_a_word(term, term_size), right = ends_a_word(term, term_size);
	while (from < n) {
		const char *at = memmem(text + from, n - from, term, term_size);
		if (!at)
			return -1;
		size_t start = (size_t)(at - text), end = start + term_size;
		if (!(left && ends_a_word(text, start)) &&
		    !(right && begins_a_word(text + end, n - end)))
			return (int64_t)start;
		from = start + 1;
	}
	return -1;
}
