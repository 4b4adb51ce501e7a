#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unigbrk.h>
#include <uninorm.h>
#include <unistr.h>
#include <uniwbrk.h>

enum { ZERO_WIDTH_SPACE = 0x200B, MINUS = 0x2212, TATWEEL = 0x640 };

static const uint8_t *bytes(const char *text) { return (const uint8_t *)text; }

/* Or a digit; not "²" and the like. */
static bool is_letter(ucs4_t c)
{
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_Nd |
							   UC_CATEGORY_MASK_Nl);
}

/* What stands at a letter without being one: marks, joiners. */
static bool is_mark(ucs4_t c)
{
	return c >= 0x80 && (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M) ||
			     uc_is_property_join_control(c));
}

/* A letter that the annex divides from its neighbours: ideographs, Hiragana, and what takes a
 * dictionary. */
static bool is_alone(ucs4_t c)
{
	return c >= 0x80 && uc_wordbreak_property(c) == WBP_OTHER && is_letter(c);
}

bool text_tells(const char *text, size_t n)
{
	ucs4_t c = 0;
	for (size_t at = 0; at < n && !is_letter(c);)
		at += (size_t)u8_mbtouc(&c, bytes(text) + at, n - at);
	return is_letter(c);
}

/* ---- words ---- */

/* What is written without blanks, and how many letters (not marks) a word has on the average, in
 * tenths. As the dictionaries of ICU 72 divide 25,000 to 30,000 words each of translated Markdown
 * (github.com/microsoft-foundry/Foundry-Local-Lab, translations/th, km and my; Lao: README.lo.md of
 * github.com/UniKongAI/unikong-public, 280 words). The others are taken for their like. */
static const struct script {
	const char *name;
	int letters;
} scripts[] = {
	{"Thai", 32},	     {"Lao", 30},      {"Khmer", 31},	 {"Myanmar", 21}, {"Tai_Le", 30},
	{"New_Tai_Lue", 30}, {"Tai_Tham", 30}, {"Tai_Viet", 30}, {"Ahom", 30},
};

/* 0: one that is a word by itself. */
static int letters_of_a_word(ucs4_t c)
{
	const uc_script_t *script = uc_script(c);
	for (size_t i = 0; script && i < sizeof scripts / sizeof *scripts; i++)
		if (strcmp(script->name, scripts[i].name) == 0)
			return scripts[i].letters;
	return 0;
}

/* Letters in a row that only a dictionary divides. */
struct run {
	int64_t letters;
	int a_word;   /* letters of one, in tenths */
	bool divided; /* U+200B stands before it */
};

static void end_run(struct run *run, ucs4_t behind, struct text_counts *counts)
{
	bool divided = run->divided || behind == ZERO_WIDTH_SPACE;
	if (run->letters > 0) {
		int64_t words = (run->letters * 10 + run->a_word / 2) / run->a_word;
		words = divided || words == 0 ? 1 : words;
		counts->words += words;
		counts->estimated += divided ? 0 : words;
	}
	*run = (struct run){.divided = behind == ZERO_WIDTH_SPACE};
}

/* Its first letter, else its first character. */
static ucs4_t look_at(const uint8_t *at, const uint8_t *end, struct text_counts *counts)
{
	ucs4_t c, kept = 0;
	for (int size; at < end; at += size) {
		size = u8_mbtouc(&c, at, (size_t)(end - at));
		counts->characters++;
		if (kept == 0 || (!is_letter(kept) && is_letter(c)))
			kept = c;
	}
	return kept;
}

static void count_segment(ucs4_t c, struct run *run, struct text_counts *counts)
{
	int a_word = is_alone(c) ? letters_of_a_word(c) : 0;
	if (a_word > 0) {
		run->a_word = run->letters++ == 0 ? a_word : run->a_word;
		return;
	}
	end_run(run, c, counts);
	counts->words += is_letter(c);
}

int text_count(const char *text, size_t n, struct text_counts *counts)
{
	struct run run = {.letters = 0};
	char *breaks = malloc(n + 1);
	if (!breaks)
		return -1;
	u8_wordbreaks(bytes(text), n, breaks);
	for (size_t at = 0, end; at < n; at = end) {
		for (end = at + 1; end < n && !breaks[end];)
			end++;
		count_segment(look_at(bytes(text) + at, bytes(text) + end, counts), &run, counts);
	}
	end_run(&run, 0, counts);
	free(breaks);
	return 0;
}

/* ---- folding ---- */

/* A form of presentation, which says the same as what it stands for. */
static bool is_form(int tag)
{
	static const bool forms[] = {
		[UC_DECOMP_FONT] = true,     [UC_DECOMP_NOBREAK] = true,
		[UC_DECOMP_INITIAL] = true,  [UC_DECOMP_MEDIAL] = true,
		[UC_DECOMP_FINAL] = true,    [UC_DECOMP_ISOLATED] = true,
		[UC_DECOMP_VERTICAL] = true, [UC_DECOMP_WIDE] = true,
		[UC_DECOMP_NARROW] = true,   [UC_DECOMP_SMALL] = true,
		[UC_DECOMP_COMPAT] = true,
	};
	return tag >= 0 && tag < (int)(sizeof forms / sizeof *forms) && forms[tag];
}

static bool is_apostrophe(ucs4_t c)
{
	return (c >= 0x2018 && c <= 0x201B) || c == 0x2BC || c == 0x2B9 || c == 0x2032 ||
	       c == 0xB4 || c == '`';
}

/* As it is typed, without what typesetting makes of hyphens and apostrophes. */
static ucs4_t to_plain(ucs4_t c)
{
	if (is_apostrophe(c))
		return '\'';
	if (c == MINUS || (c >= 0x80 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Pd)))
		return '-';
	return c != ' ' && uc_is_property_white_space(c) ? ' ' : c;
}

static void add_character(struct out *out, ucs4_t c)
{
	uint8_t encoded[6];
	int n = u8_uctomb(encoded, c, sizeof encoded);
	if (n > 0 && (c < 0x80 || !uc_is_property_default_ignorable_code_point(c)))
		out_add(out, encoded, (size_t)n);
}

static void add_plain(struct out *out, ucs4_t c)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	int tag = -1, n = c < 0x80 || is_apostrophe(c) ? -1 : uc_decomposition(c, &tag, parts);
	if (n < 0 || !is_form(tag))
		add_character(out, to_plain(c));
	else
		for (int i = 0; i < n; i++)
			add_character(out, to_plain(parts[i]));
}

struct range {
	ucs4_t first, last;
};

static bool is_in(ucs4_t c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Vowel signs and points, which most texts leave out: marks of the Arabic and Hebrew blocks, not
 * madda and hamza (U+0653 to 0655), which make other letters. */
static bool is_optional(ucs4_t c)
{
	static const struct range points[] = {{0x591, 0x5C7}, {0x610, 0x61A}, {0x64B, 0x652},
					      {0x656, 0x65F}, {0x670, 0x670}, {0x6D6, 0x6ED},
					      {0x8D3, 0x8FF}};
	return c == TATWEEL || (is_in(c, points, sizeof points / sizeof *points) && is_mark(c));
}

/* Written without blanks, and broken into lines anywhere. */
static bool is_east_asian(ucs4_t c)
{
	static const struct range ranges[] = {{0x3005, 0x3007}, {0x3041, 0x30FF},
					      {0x31F0, 0x31FF}, {0x3400, 0x9FFF},
					      {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};
	return is_in(c, ranges, sizeof ranges / sizeof *ranges);
}

/* A letter of Greek without its accents; Arabic's for those that Persian has for the same. */
static ucs4_t to_bare(ucs4_t c)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	if (c == 0x6A9 || c == 0x6CC)
		return c == 0x6A9 ? 0x643 : 0x64A;
	while (((c >= 0x370 && c <= 0x3FF) || (c >= 0x1F00 && c <= 0x1FFF)) &&
	       uc_canonical_decomposition(c, parts) > 1)
		c = parts[0];
	return c;
}

static ucs4_t last_of(const struct out *out, size_t end)
{
	ucs4_t c = 0;
	return u8_prev(&c, bytes(out->data) + end, bytes(out->data)) ? c : 0;
}

/* Whether a blank would be the second one, or stand where a hyphenated word was broken. */
static bool takes_no_blank(const struct out *out)
{
	size_t n = out->size;
	return n == 0 || out->data[n - 1] == ' ' ||
	       (n > 1 && out->data[n - 1] == '-' && out->data[n - 2] != ' ' &&
		out->data[n - 2] != '\0');
}

/* Tones of Thai and Lao have a nikhahit behind them, as where it is part of a SARA AM. */
static bool add_tone(struct out *out, ucs4_t c)
{
	bool thai = c >= 0xE48 && c <= 0xE4B, lao = c >= 0xEC8 && c <= 0xECB;
	ucs4_t nikhahit = thai ? 0xE4D : 0xECD;
	if (!(thai || lao) || out->size < 3 || last_of(out, out->size) != nikhahit)
		return false;
	out->size -= 3;
	add_character(out, c);
	add_character(out, nikhahit);
	return true;
}

static void add_one_folded(struct out *out, ucs4_t c)
{
	ucs4_t last = out->size > 0 ? last_of(out, out->size) : 0;
	if (is_optional(c) || (c == ' ' && takes_no_blank(out)) || (c == 0x307 && last == 'i') ||
	    add_tone(out, c))
		return; /* U+0307 behind an i is what folding leaves of U+0130 */
	if (last == ' ' && is_east_asian(c) && is_east_asian(last_of(out, out->size - 1)))
		out->size--;
	add_character(out, to_bare(c));
}

static void add_folded(struct out *out, const uint8_t *text, size_t n)
{
	ucs4_t c;
	for (size_t at = 0; at < n && !out->failed;) {
		at += (size_t)u8_mbtouc(&c, text + at, n - at);
		add_one_folded(out, c);
	}
}

static bool is_ascii(const char *text, size_t n)
{
	unsigned char all = 0;
	for (size_t i = 0; i < n; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

static void fold_ascii(const char *text, size_t n, struct out *out)
{
	for (size_t at = 0; at < n; at++) {
		char c = text[at] >= 'A' && text[at] <= 'Z' ? (char)(text[at] | 0x20)
							    : (char)to_plain((ucs4_t)text[at]);
		if (c != ' ' || !takes_no_blank(out))
			out_add(out, &c, 1);
	}
}

void text_fold(const char *text, size_t n, struct out *out)
{
	struct out plain = OUT_INIT;
	ucs4_t c;
	if (is_ascii(text, n)) {
		fold_ascii(text, n, out);
		return;
	}
	for (size_t at = 0; at < n;) {
		at += (size_t)u8_mbtouc(&c, bytes(text) + at, n - at);
		add_plain(&plain, c);
	}
	size_t size = 0;
	uint8_t *folded =
		plain.size > 0 && !plain.failed
			? u8_casefold(bytes(plain.data), plain.size, NULL, UNINORM_NFC, NULL, &size)
			: NULL;
	out->failed |= plain.failed || (plain.size > 0 && !folded);
	if (folded)
		add_folded(out, folded, size);
	free(folded);
	out_release(&plain);
}

/* ---- finding ---- */

/* The character before `at`, or 0. */
static ucs4_t before(const char *text, size_t *at)
{
	ucs4_t c;
	const uint8_t *begins = u8_prev(&c, bytes(text) + *at, bytes(text));
	*at = begins ? (size_t)(begins - bytes(text)) : 0;
	return begins ? c : 0;
}

/* Whether a word may begin or end at `at`, between what stands there. */
static bool is_edge(const char *text, size_t n, size_t at)
{
	ucs4_t right = 0, left;
	bool joined = false;
	if (at < n)
		u8_mbtouc(&right, bytes(text) + at, n - at);
	if (is_mark(right) && at > 0)
		return false;
	for (left = before(text, &at); is_mark(left); left = before(text, &at))
		joined |= uc_combining_class(left) == UC_CCC_VR;
	if (!is_letter(left) || !is_letter(right))
		return true;
	return !joined && (is_alone(left) || is_alone(right));
}

int64_t text_find(const char *text, size_t n, size_t from, const char *term, size_t term_size)
{
	while (from < n) {
		const char *at = memmem(text + from, n - from, term, term_size);
		if (!at)
			return -1;
		size_t start = (size_t)(at - text);
		if (is_edge(text, n, start) && is_edge(text, n, start + term_size))
			return (int64_t)start;
		from = start + 1;
	}
	return -1;
}

/* ---- cutting ---- */

size_t text_cut(const char *text, size_t n, size_t most)
{
	char breaks[TEXT_CUT_MOST + 4]; /* with the whole character that is cut off first */
	size_t at = most < TEXT_CUT_MOST ? most : TEXT_CUT_MOST;
	if (n <= at)
		return n;
	u8_grapheme_breaks(bytes(text), n - at < 4 ? n : at + 4, breaks);
	for (size_t end = at; end > 0; end--)
		if (breaks[end])
			return end;
	while (at > 0 && (bytes(text)[at] & 0xC0) == 0x80)
		at--;
	return at;
}
