#include "scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistr.h>

#include "fold.h"

enum { EMOTICON_MAX = 5, MARKS_MAX = 4, UNIT_MAX = 8 };

struct scanner {
	const unsigned char *start, *at, *end;
	struct tone *tone;
};

static bool is_letter(unsigned char c) { return (unsigned char)((c | 0x20) - 'a') < 26; }

static bool is_digit(unsigned char c) { return (unsigned char)(c - '0') < 10; }

static bool is_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The byte `ahead` of the current one, or 0 after the end. */
static unsigned char peek(const struct scanner *scanner, size_t ahead)
{
	return (size_t)(scanner->end - scanner->at) > ahead ? scanner->at[ahead] : 0;
}

/* The character at hand and its size in bytes; folded text is well-formed. */
static size_t decode(const struct scanner *scanner, uint32_t *character)
{
	ucs4_t found;
	int size = u8_mbtoucr(&found, scanner->at, (size_t)(scanner->end - scanner->at));
	*character = found;
	return size > 0 ? (size_t)size : 1;
}

/* Letters and marks of any script, roughly: everything that is not punctuation or a symbol. */
static bool is_word_character(uint32_t c)
{
	return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x2bff) &&
	       !(c >= 0x3000 && c <= 0x303f) && !(c >= 0xfe00 && c <= 0xfe0f) &&
	       !(c >= 0xff00 && c <= 0xff20) && c < 0x1f000;
}

static bool stands(const struct scanner *scanner, const char *text, size_t size)
{
	return (size_t)(scanner->end - scanner->at) >= size && !memcmp(scanner->at, text, size);
}

/*
 * The size of an apostrophe inside a word: one, a backtick, or as programs write it that escape
 * too much (SQL, C, JSON, URLs, mail). In contractions with "not" also what stands for a character
 * that was lost: isn?t, isn"t.
 */
static size_t apostrophe(const struct scanner *scanner, const struct word *word)
{
	static const struct {
		char text[10];
		uint8_t size;
	} spellings[] = {
		{"''", 2},	  {"'", 1},	  {"`", 1},	{"\\'", 2},
		{"\\u2019", 6},	  {"\\u0027", 6}, {"\\x27", 4}, {"%27", 3},
		{"%E2%80%99", 9}, {"=27", 3},	  {"=92", 3},	{"=E2=80=99", 9},
	};
	unsigned char c = peek(scanner, 0);
	if (!(c == '\'' || c == '`' || c == '\\' || c == '%' || c == '=' || c == '?' || c == '"'))
		return 0;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
		if (stands(scanner, spellings[i].text, spellings[i].size))
			return is_letter(peek(scanner, spellings[i].size)) ? spellings[i].size : 0;
	if ((c == '?' || c == '"') && word->text[word->size - 1] == 'n' &&
	    (peek(scanner, 1) | 0x20) == 't' && !is_letter(peek(scanner, 2)))
		return 1;
	return 0;
}

static void keep(struct word *word, char c)
{
	size_t size = word->size;
	bool repeated = size >= REPEAT_MAX - 1 && word->text[size - 1] == c &&
			word->text[size - 2] == c && is_letter((unsigned char)c);

	if (repeated) {
		word->elongated = true;
		if (size >= REPEAT_MAX && word->text[size - 3] == c)
			return;
	}
	if (size == WORD_MAX)
		word->too_long = true;
	else
		word->text[word->size++] = c;
}

/* Take what may stand inside a word besides ASCII letters and digits; false at its end. */
static bool read_inner(struct scanner *scanner, struct word *word)
{
	unsigned char c = *scanner->at;
	uint32_t character = 0;
	size_t size;
	if (word->size && (size = apostrophe(scanner, word)) > 0) {
		keep(word, '\'');
	} else if (c >= 0x80) {
		size = decode(scanner, &character);
		if (!is_word_character(character))
			return false;
		for (size_t i = 0; i < size; i++)
			keep(word, (char)scanner->at[i]);
		word->letters++;
	} else {
		return false;
	}
	scanner->at += size;
	return true;
}

/* Most of most words: ASCII letters, up to one that comes for the third time. */
static void read_letters(struct scanner *scanner, struct word *word)
{
	const unsigned char *at = scanner->at, *end = scanner->end;
	size_t size = word->size;
	unsigned capitals = 0;
	unsigned char last = size > 0 ? (unsigned char)word->text[size - 1] : 0;
	unsigned char before = size > 1 ? (unsigned char)word->text[size - 2] : 0;
	if (end - at > (ptrdiff_t)(WORD_MAX - size))
		end = at + (WORD_MAX - size);
	for (; at < end && is_letter(*at); at++) {
		unsigned char letter = *at | 0x20;
		if (letter == last && letter == before)
			break;
		capitals += *at < 'a';
		word->text[size++] = (char)letter;
		before = last;
		last = letter;
	}
	word->capitals += capitals;
	word->letters += (unsigned)(at - scanner->at);
	word->size = size;
	scanner->at = at;
}

static void read_word(struct scanner *scanner, struct word *word)
{
	while (read_letters(scanner, word), scanner->at < scanner->end) {
		unsigned char c = *scanner->at;
		if (is_letter(c)) {
			word->letters++;
			word->capitals += c < 'a';
			keep(word, (char)(c | 0x20));
		} else if (is_digit(c)) {
			if (word->letters == 3 && word->capitals == 3 && !word->digits)
				break; /* EUR12 */
			word->digits++;
			keep(word, (char)c);
		} else {
			if (!read_inner(scanner, word))
				break;
			continue;
		}
		scanner->at++;
	}
}

/* Whether the letters at hand are the unit of a number: "5m", "3.2bn", "10k". */
static bool at_unit(const struct scanner *scanner)
{
	char text[UNIT_MAX];
	size_t size = 0;
	while (size < UNIT_MAX && is_letter(peek(scanner, size))) {
		text[size] = (char)(peek(scanner, size) | 0x20);
		size++;
	}
	if (size == 0 || is_letter(peek(scanner, size)) || is_digit(peek(scanner, size)))
		return size == 0;
	return lexicon_word(lexicon_find(text, size))->role == ROLE_UNIT;
}

/* A sign right before the number, or before its currency, that joins it with nothing. */
static int sign_of(const struct scanner *scanner, const unsigned char *digits)
{
	const unsigned char *sign = digits - 1;
	if (sign > scanner->start && *sign == '$')
		sign--;
	if (sign < scanner->start || (*sign != '-' && *sign != '+'))
		return 0;
	if (sign > scanner->start && !is_space(sign[-1]) && sign[-1] != '(')
		return 0;
	return *sign == '-' ? -1 : 1;
}

/* "1,250.5", "5 %", "-0.1"; false if it is no number but a name, as "3rd" or "737max" are. */
static bool read_number(struct scanner *scanner, struct word *word)
{
	const unsigned char *start = scanner->at;
	double value = 0, scale = 0;
	for (unsigned char c; is_digit(c = peek(scanner, 0)) ||
			      ((c == '.' || c == ',') && is_digit(peek(scanner, 1)));
	     scanner->at++) {
		if (c == '.')
			scale = 1;
		if (!is_digit(c))
			continue;
		word->digits++;
		value = value * 10 + (c - '0');
		scale *= 10;
	}
	if (!at_unit(scanner)) {
		scanner->at = start;
		word->digits = 0;
		return false;
	}
	word->is_number = true;
	word->sign = sign_of(scanner, start);
	word->value = (scale > 1 ? value / scale : value) * (word->sign < 0 ? -1 : 1);
	keep(word, '0');
	if (peek(scanner, 0) == '%' || (peek(scanner, 0) == ' ' && peek(scanner, 1) == '%')) {
		scanner->at += peek(scanner, 0) == '%' ? 1 : 2;
		word->percent = true;
	}
	return true;
}

static void skip_to_space(struct scanner *scanner)
{
	while (scanner->at < scanner->end && !is_space(*scanner->at))
		scanner->at++;
}

/* A word, or an address ("https://..."), of which nothing is rated. */
static void scan_word(struct scanner *scanner)
{
	struct word word;
	memset(&word, 0, sizeof(word));
	if (!is_digit(*scanner->at) || !read_number(scanner, &word))
		read_word(scanner, &word);
	if (peek(scanner, 0) == ':' && peek(scanner, 1) == '/' && peek(scanner, 2) == '/')
		skip_to_space(scanner);
	else if (word.size)
		tone_add_word(scanner->tone, &word);
}

/* "@name" and "$TICKER" name somebody or something; "@" and "$" alone mean nothing. */
static void skip_name(struct scanner *scanner)
{
	bool ticker = *scanner->at == '$';
	scanner->at++;
	if (!is_letter(peek(scanner, 0)))
		return;
	while (is_letter(peek(scanner, 0)) || is_digit(peek(scanner, 0)) || peek(scanner, 0) == '_')
		scanner->at++;
	if (ticker)
		tone_add_ticker(scanner->tone);
	else
		tone_break_phrase(scanner->tone);
}

static bool scan_emoticon(struct scanner *scanner)
{
	char text[EMOTICON_MAX];
	size_t size = 0;
	while (size < EMOTICON_MAX && peek(scanner, size) > ' ') {
		unsigned char c = peek(scanner, size);
		text[size++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	for (; size > 1; size--) {
		unsigned char next = peek(scanner, size);
		unsigned id = lexicon_find(text, size);
		/* "(see: details)" and "http://" have the beginnings of emoticons in them. */
		if (!id || is_letter(next) || is_digit(next) || next == '/')
			continue;
		tone_add_symbol(scanner->tone, id);
		for (scanner->at += size; peek(scanner, 0) == scanner->at[-1];)
			scanner->at++;
		return true;
	}
	return false;
}

/* A run of "!" and "?", or a full stop that is not part of "3.5", "U.S." or a name. */
static void scan_terminator(struct scanner *scanner)
{
	unsigned exclamations = 0, questions = 0, stops = 0;
	for (unsigned char c; (c = peek(scanner, 0)) == '!' || c == '?' || c == '.';) {
		exclamations += c == '!' && exclamations < MARKS_MAX;
		questions += c == '?' && questions < MARKS_MAX;
		stops++;
		scanner->at++;
	}
	if (exclamations || questions || stops > 1 || peek(scanner, 0) == 0 ||
	    !(is_letter(peek(scanner, 0)) || is_digit(peek(scanner, 0))))
		tone_end_sentence(scanner->tone, exclamations, questions);
}

/* Emoji, punctuation beyond ASCII, letters, or bytes that are no character at all. */
static void scan_beyond_ascii(struct scanner *scanner)
{
	uint32_t character = 0;
	size_t size = decode(scanner, &character);
	unsigned id;
	if (is_word_character(character)) {
		scan_word(scanner);
		return;
	}
	id = size > 2 ? lexicon_find((const char *)scanner->at, size) : 0;
	scanner->at += size;
	if (id)
		tone_add_symbol(scanner->tone, id);
}

static void scan_punctuation(struct scanner *scanner)
{
	unsigned char c = *scanner->at;
	if (strchr(":;=<>^-(&", c) && scan_emoticon(scanner))
		return;
	scanner->at++;
	if (c == '\n' && peek(scanner, 0) == '\n')
		tone_end_sentence(scanner->tone, 0, 0);
	else if (c == ',' || c == ';' || c == ':' || c == '(' || c == ')')
		tone_end_clause(scanner->tone);
	if (c == '(' && is_digit(peek(scanner, peek(scanner, 0) == ' ')))
		tone_add_bracketed(scanner->tone);
	else if (c == '&' || c == '/')
		tone_break_phrase(scanner->tone);
}

static void scan_piece(struct scanner *scanner)
{
	while (scanner->at < scanner->end) {
		unsigned char c = *scanner->at;
		if (c == ' ' || c == 0)
			scanner->at++;
		else if (is_letter(c) || is_digit(c))
			scan_word(scanner);
		else if (c >= 0x80)
			scan_beyond_ascii(scanner);
		else if (c == '.' || c == '!' || c == '?')
			scan_terminator(scanner);
		else if (c == '@' || c == '$')
			skip_name(scanner);
		else
			scan_punctuation(scanner);
	}
}

static void scan_folded(struct tone *tone, const char *text, size_t size)
{
	const unsigned char *first = (const unsigned char *)text;
	struct cursor cursor = {.at = first, .end = first + size};
	char piece[FOLD_MAX];
	while (cursor.at < cursor.end) {
		size_t n = fold_piece(&cursor, piece);
		const unsigned char *start = (const unsigned char *)piece;
		scan_piece(&(struct scanner){start, start, start + n, tone});
	}
}

void scan_text(struct tone *tone, const char *text, size_t size)
{
	const unsigned char *start = (const unsigned char *)text;
	tone_begin(tone);
	if (fold_needed(text, size))
		scan_folded(tone, text, size);
	else
		scan_piece(&(struct scanner){start, start, start + size, tone});
	tone_end_sentence(tone, 0, 0);
}
