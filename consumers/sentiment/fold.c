#include "fold.h"

#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum {
	STEP_MAX = 32,		  /* bytes that one character or tag may become */
	DECOMPOSED_MAX = 4,	  /* characters: more are words or formulas of other scripts */
	LAST_OF_WESTERN = 0x2bff, /* Latin, Greek, Cyrillic ... and symbols */
};

/* ---- what a character becomes ---- */

/*
 * Punctuation and blanks, by ranges in order. Sources: Unicode 15 general categories Pd, Pi, Pf,
 * Zs, and what people type for an apostrophe; Windows-1252 for 128 to 159 (WHATWG Encoding).
 */
static const struct spelling {
	uint32_t first, last;
	const char *text;
} spellings[] = {
	{0x00, 0x08, " "},	  {0x0e, 0x1f, " "},	  {0x7f, 0x84, " "},
	{0x85, 0x85, "..."},	  {0x86, 0x90, " "},	  {0x91, 0x92, "'"},
	{0x93, 0x94, "\""},	  {0x95, 0x95, " "},	  {0x96, 0x97, "-"},
	{0x98, 0xa0, " "},	  {0xab, 0xab, "\""},	  {0xb4, 0xb4, "'"},
	{0xbb, 0xbb, "\""},	  {0x2b9, 0x2b9, "'"},	  {0x2bb, 0x2bd, "'"},
	{0x2c8, 0x2c8, "'"},	  {0x2ca, 0x2cb, "'"},	  {0x384, 0x384, "'"},
	{0x55a, 0x55a, "'"},	  {0x5f3, 0x5f3, "'"},	  {0x7f4, 0x7f5, "'"},
	{0x1680, 0x1680, " "},	  {0x1fbd, 0x1fbd, "'"},  {0x1fbf, 0x1fbf, "'"},
	{0x1fef, 0x1fef, "'"},	  {0x1ffd, 0x1ffe, "'"},  {0x2000, 0x200a, " "},
	{0x2010, 0x2015, "-"},	  {0x2018, 0x2019, "'"},  {0x201a, 0x201a, "\""},
	{0x201b, 0x201b, "'"},	  {0x201c, 0x201f, "\""}, {0x2028, 0x2028, "\n"},
	{0x2029, 0x2029, "\n\n"}, {0x202f, 0x202f, " "},  {0x2032, 0x2032, "'"},
	{0x2033, 0x2034, "\""},	  {0x2035, 0x2035, "'"},  {0x2036, 0x2037, "\""},
	{0x2039, 0x203a, "\""},	  {0x205f, 0x205f, " "},  {0x2212, 0x2212, "-"},
	{0x275b, 0x275c, "'"},	  {0x275d, 0x275e, "\""}, {0x3000, 0x3000, " "},
	{0x3001, 0x3001, ","},	  {0x3002, 0x3002, ". "}, {0xa78b, 0xa78c, "'"},
	{0xff07, 0xff07, "'"},	  {0xff40, 0xff40, "'"},  {0xff61, 0xff61, ". "},
};

static const char *spelling_of(uint32_t c)
{
	size_t low = 0, high = sizeof(spellings) / sizeof(*spellings);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (c > spellings[middle].last)
			low = middle + 1;
		else if (c < spellings[middle].first)
			high = middle;
		else
			return spellings[middle].text;
	}
	return NULL;
}

/* Letters that Unicode holds for other letters than those that they are read as: small capitals,
 * which are phonetic, and letters white on black, which are symbols. 0 for all others. */
static char styled_letter(uint32_t c)
{
	static const struct {
		uint16_t character;
		char letter;
	} small_capitals[] = {
		{0x1d00, 'a'}, {0x299, 'b'},  {0x1d04, 'c'}, {0x1d05, 'd'}, {0x1d07, 'e'},
		{0xa730, 'f'}, {0x262, 'g'},  {0x29c, 'h'},  {0x26a, 'i'},  {0x1d0a, 'j'},
		{0x1d0b, 'k'}, {0x29f, 'l'},  {0x1d0d, 'm'}, {0x274, 'n'},  {0x1d0f, 'o'},
		{0x1d18, 'p'}, {0x280, 'r'},  {0xa731, 's'}, {0x1d1b, 't'}, {0x1d1c, 'u'},
		{0x1d20, 'v'}, {0x1d21, 'w'}, {0x28f, 'y'},  {0x1d22, 'z'},
	};
	if (c >= 0x1f150 && c <= 0x1f169)
		return (char)('A' + (c - 0x1f150));
	if (c >= 0x1f170 && c <= 0x1f189)
		return (char)('A' + (c - 0x1f170));
	for (size_t i = 0; c <= 0xa731 && i < sizeof(small_capitals) / sizeof(*small_capitals); i++)
		if (c == small_capitals[i].character)
			return small_capitals[i].letter;
	return 0;
}

static size_t put_text(char *out, const char *text)
{
	size_t size = strlen(text);
	memcpy(out, text, size);
	return size;
}

static size_t put_character(char *out, uint32_t c)
{
	int size = u8_uctomb((uint8_t *)out, c, STEP_MAX);
	return size > 0 ? (size_t)size : 0;
}

/* Whether a compatibility form stands for what it is made of; `n` characters of it. */
static bool is_spelling(uint32_t c, int tag, const ucs4_t *parts, int n)
{
	if (n <= 0 || n > DECOMPOSED_MAX || tag == UC_DECOMP_CANONICAL || tag == UC_DECOMP_FRACTION)
		return false;
	if ((tag == UC_DECOMP_SQUARE || tag == UC_DECOMP_SUPER) && n > 1)
		return false;
	/* Signs, not words: the numero sign, ordinals ("No" with a raised o), the trade mark. */
	if (c == 0x2116 || c == 0xaa || c == 0xba)
		return false;
	for (int i = 0; i < n; i++)
		if (parts[i] > LAST_OF_WESTERN)
			return false;
	return true;
}

static bool is_note(int tag, uint32_t first)
{
	return (tag == UC_DECOMP_SUPER || tag == UC_DECOMP_SUB) && first >= '0' && first <= '9';
}

static size_t fold_character(char *out, uint32_t c);

/* Compatibility forms; what is none stands as it is. */
static size_t fold_form(char *out, uint32_t c)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	char letter = styled_letter(c);
	size_t size = 0;
	int tag, n;
	if (letter) {
		*out = letter;
		return 1;
	}
	n = uc_decomposition(c, &tag, parts);
	if (!is_spelling(c, tag, parts, n))
		return put_character(out, c);
	if (is_note(tag, parts[0]))
		return put_text(out, " ");
	for (int i = 0; i < n; i++)
		size += fold_character(out + size, parts[i]);
	return size;
}

/* Letters and emoji that stand for themselves, which need not be looked up. */
static bool is_itself(uint32_t c)
{
	return (c > ' ' && c < 0x7f) || (c >= 0xc0 && c < 0x132) || (c >= 0x3400 && c < 0xa000) ||
	       (c >= 0xac00 && c < 0xd7a4) || (c >= 0x1f18a && c < 0xe0000);
}

static size_t fold_character(char *out, uint32_t c)
{
	const char *text;
	if (is_itself(c))
		return put_character(out, c);
	if (uc_is_property_default_ignorable_code_point(c))
		return 0;
	text = spelling_of(c);
	if (text)
		return put_text(out, text);
	if (c < 0x80 || c >= NO_CHARACTER)
		return put_character(out, c < 0x80 ? c : ' ');
	return fold_form(out, c);
}

/* ---- what depends on the neighbours ---- */

static bool is_letter(unsigned char c) { return (unsigned char)((c | 0x20) - 'a') < 26; }

/* A byte that is no character, or one that stands for it, is an apostrophe between letters. */
static size_t fold_lost(const struct cursor *cursor, char *out, bool after_letter, uint32_t c)
{
	bool inside = after_letter && cursor->at < cursor->end && is_letter(*cursor->at);
	if (c >= NO_CHARACTER && c - NO_CHARACTER < 0xa0)
		return fold_character(out, c - NO_CHARACTER);
	return put_text(out, inside ? "'" : " ");
}

/*
 * UTF-8 of U+2013 to U+201D that was read as Windows-1252 or Latin-1 and written as UTF-8: behind
 * an a circumflex two characters, of which the last one tells.
 */
static size_t fold_misread(struct cursor *cursor, char *out)
{
	static const struct spelling last_parts[] = {
		{0x93, 0x94, "-"},     {0x98, 0x99, "'"},     {0x9c, 0x9d, "\""},
		{0xa6, 0xa6, "..."},   {0x153, 0x153, "\""},  {0x2dc, 0x2dc, "'"},
		{0x201c, 0x201d, "-"}, {0x2122, 0x2122, "'"},
	};
	struct cursor ahead = *cursor;
	uint32_t c = ahead.at < ahead.end ? next_character(&ahead) : 0;
	if ((c != 0x20ac && c != 0x80) || ahead.at == ahead.end)
		return 0;
	c = next_character(&ahead);
	for (size_t i = 0; i < sizeof(last_parts) / sizeof(*last_parts); i++) {
		if (c >= last_parts[i].first && c <= last_parts[i].last) {
			cursor->at = ahead.at;
			return put_text(out, last_parts[i].text);
		}
	}
	return 0;
}

/* A mark on an ASCII letter: the letter that both are together, or the letter alone. */
static size_t fold_mark(char *letter, uint32_t mark)
{
	uint32_t both = uc_composition((unsigned char)*letter, mark);
	return both ? put_character(letter, both) : 1;
}

static size_t fold_tag(struct cursor *cursor, char *out)
{
	static const char *const instead[] = {
		[MARKUP_NONE] = "<",  [MARKUP_NOTHING] = "",   [MARKUP_SPACE] = " ",
		[MARKUP_LINE] = "\n", [MARKUP_BLOCK] = "\n\n",
	};
	return put_text(out, instead[skip_markup(cursor)]);
}

/* Take one character (or tag) and put at `out + size` what it becomes; the new size. */
static size_t fold_one(struct cursor *cursor, char *out, size_t size)
{
	bool after_letter = size > 0 && is_letter((unsigned char)out[size - 1]);
	uint32_t c = next_character(cursor);
	size_t misread;
	if (c == '<')
		return size + fold_tag(cursor, out + size);
	if (c >= NO_CHARACTER || c == 0xfffd)
		return size + fold_lost(cursor, out + size, after_letter, c);
	if (c == 0xe2 && (misread = fold_misread(cursor, out + size)) > 0)
		return size + misread;
	if (c >= 0x300 && after_letter && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M))
		return size - 1 + fold_mark(out + size - 1, c);
	return size + fold_character(out + size, c);
}

/* ---- pieces ---- */

static bool is_plain(unsigned char c) { return c < 0x80 && c != '&' && c != '<'; }

bool fold_needed(const char *text, size_t size)
{
	const uint64_t high_bits = 0x8080808080808080u;
	uint64_t seen = 0, word;
	size_t i = 0;
	for (; i + sizeof(word) <= size; i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		seen |= word;
	}
	for (; i < size; i++)
		seen |= (unsigned char)text[i];
	return (seen & high_bits) || memchr(text, '&', size) || memchr(text, '<', size);
}

size_t fold_piece(struct cursor *cursor, char out[FOLD_MAX])
{
	size_t size = 0, cut = 0;
	const unsigned char *after_cut = cursor->at;
	while (cursor->at < cursor->end && size < FOLD_MAX - STEP_MAX) {
		unsigned char c = *cursor->at;
		if (is_plain(c)) {
			out[size++] = (char)c;
			cursor->at++;
			if (c != ' ')
				continue;
		} else {
			size = fold_one(cursor, out, size);
		}
		if (size > 0 && out[size - 1] == ' ') {
			cut = size;
			after_cut = cursor->at;
		}
	}
	if (cursor->at == cursor->end || cut == 0)
		return size;
	cursor->at = after_cut;
	return cut;
}
