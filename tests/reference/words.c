#include "words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 64     /* of a text */
#define WORD_SIZE 48 /* bytes, with the zero behind it */

enum list {
	SILENT,
	MEASURES,
	COLORS,
	BEFORE,
	BEHIND,
	TURNING,
	TURNED,
	DESCRIBING,
	UNITS,
	SPELLED,
	LISTS
};

static const char *const names[LISTS] = {"silent",  "measures", "colors",     "before", "behind",
					 "turning", "turned",	"describing", "units",	"spelled"};

struct words_lists {
	char *text[LISTS]; /* ",word,word," */
};

void words_close(struct words_lists *lists)
{
	for (int i = 0; lists && i < LISTS; i++)
		free(lists->text[i]);
	free(lists);
}

struct words_lists *words_open(PGconn *db)
{
	struct words_lists *lists = calloc(1, sizeof *lists);
	for (int i = 0; lists && i < LISTS; i++) {
		PGresult *r = PQexecParams(
			db, "SELECT ',' || array_to_string(weir.word_list($1), ',') || ','", 1,
			NULL, &names[i], NULL, NULL, 0);
		if (PQresultStatus(r) == PGRES_TUPLES_OK)
			lists->text[i] = strdup(PQgetvalue(r, 0, 0));
		PQclear(r);
		if (!lists->text[i]) {
			words_close(lists);
			return NULL;
		}
	}
	return lists;
}

static bool is_in(const struct words_lists *lists, enum list list, const char *word)
{
	char sought[2 * WORD_SIZE + 8];
	snprintf(sought, sizeof sought, ",%s,", word);
	return strstr(lists->text[list], sought) != NULL;
}

static bool is_pair(const struct words_lists *lists, const char *first, const char *second)
{
	char pair[2 * WORD_SIZE];
	snprintf(pair, sizeof pair, "%s %s", first, second);
	return is_in(lists, TURNED, pair);
}

/* ---- one text ---- */

struct words {
	int count;
	char word[WORDS][WORD_SIZE];
	int twin[WORDS]; /* the place of its twin in the other text, -1: none yet */
};

static bool is_plain(const char *w)
{
	size_t n = strspn(w, "abcdefghijklmnopqrstuvwxyz");
	return n >= 3 && !w[n];
}

static bool ends(const char *w, const char *end)
{
	size_t n = strlen(w), m = strlen(end);
	return n >= m && strcmp(w + n - m, end) == 0;
}

static void cut(char *w) { w[strlen(w) - 1] = '\0'; }

/* To a form that the singular has, too. */
static void take_plural_off(char *w)
{
	static const char *const kept[] = {"ss", "us", "is"};
	static const char *const before_e[] = {"she", "che", "sse"};
	bool keep = !is_plain(w) || strlen(w) < 4 || !ends(w, "s");
	for (size_t i = 0; i < 3; i++)
		keep = keep || ends(w, kept[i]);
	if (!keep)
		cut(w);
	if (!is_plain(w))
		return;
	size_t n = strlen(w);
	bool e = n >= 4 && w[n - 1] == 'e' && strchr("oxzi", w[n - 2]);
	for (size_t i = 0; i < 3; i++)
		e = e || (n >= 4 && ends(w, before_e[i]));
	if (e)
		cut(w);
	n = strlen(w);
	if (w[n - 1] == 'y' && !strchr("aeiou", w[n - 2]))
		w[n - 1] = 'i';
}

static bool is_of_number(char c) { return isdigit((unsigned char)c) || c == '.'; }

static void add_word(const struct words_lists *lists, struct words *out, const char *at, size_t n)
{
	char *w = out->word[out->count];
	snprintf(w, WORD_SIZE, "%.*s", (int)n, at);
	if (strchr(w, '.'))
		snprintf(w, WORD_SIZE, "%.12g", strtod(w, NULL));
	if (is_in(lists, SILENT, w) || out->count == WORDS - 1)
		return;
	take_plural_off(w);
	out->twin[out->count++] = -1;
}

static void split(const struct words_lists *lists, struct words *out, const char *key)
{
	out->count = 0;
	while (*key) {
		size_t n = 0;
		bool number = is_of_number(*key);
		while (key[n] && key[n] != ' ' && is_of_number(key[n]) == number)
			n++;
		if (n > 0)
			add_word(lists, out, key, n);
		key += n + (key[n] == ' ');
	}
}

/* ---- twins ---- */

static void pair(struct words *a, int i, struct words *b, int j)
{
	a->twin[i] = j;
	b->twin[j] = i;
}

static void pair_equal(struct words *a, struct words *b)
{
	for (int i = 0; i < a->count; i++)
		for (int j = 0; j < b->count && a->twin[i] < 0; j++)
			if (b->twin[j] < 0 && strcmp(a->word[i], b->word[j]) == 0)
				pair(a, i, b, j);
}

static int count_single(const struct words *w)
{
	int n = 0;
	for (int i = 0; i < w->count; i++)
		n += w->twin[i] < 0;
	return n;
}

/* What has no twin, written as one word. False: numbers and single letters are not joined. */
static bool join_single(const struct words *w, char out[WORDS * WORD_SIZE])
{
	size_t n = 0;
	out[0] = '\0';
	for (int i = 0; i < w->count; i++) {
		if (w->twin[i] >= 0)
			continue;
		if (is_of_number(w->word[i][0]) || !w->word[i][1])
			return false;
		n += (size_t)snprintf(out + n, WORDS * WORD_SIZE - n, "%s", w->word[i]);
	}
	return true;
}

static bool is_joined(const struct words *a, const struct words *b)
{
	char one[WORDS * WORD_SIZE], other[WORDS * WORD_SIZE];
	return join_single(a, one) && join_single(b, other) && strcmp(one, other) == 0;
}

/* Whether a slip of the pen makes one the other; *doubled: it is a letter doubled. */
static bool is_slip(const char *s, const char *l, bool *doubled)
{
	size_t n = strlen(s), m = strlen(l), head = 0, tail = 0;
	while (head < n && s[head] == l[head])
		head++;
	while (tail < n - head && s[n - tail - 1] == l[m - tail - 1])
		tail++;
	*doubled = m == n + 1 && head + tail == n && head > 0 && l[head] == l[head - 1];
	if (m == n)
		return head + tail + 1 == n ||
		       (head + tail + 2 == n && s[head] == l[head + 1] && s[head + 1] == l[head]);
	return m == n + 1 && head + tail == n;
}

/* chckn, chicken */
static bool is_without_vowels(const char *s, const char *l)
{
	if (strpbrk(s + 1, "aeiou"))
		return false;
	for (; *s && *l; l++)
		s += *s == *l;
	return !*s;
}

static bool is_cut(const char *s, const char *l)
{
	static const char *const ends_of_others[] = {"ed",   "er",   "en",  "ing",
						     "less", "free", "off", "out"};
	size_t n = strlen(s);
	if (strncmp(s, l, n) != 0 || !l[n] || !l[n + 1])
		return false;
	for (size_t i = 0; i < sizeof ends_of_others / sizeof *ends_of_others; i++)
		if (strcmp(l + n, ends_of_others[i]) == 0)
			return false;
	return true;
}

static enum words_verdict judge(const struct words_lists *lists, const char *a, const char *b)
{
	bool doubled, longer = strlen(a) > strlen(b);
	const char *s = longer ? b : a, *l = longer ? a : b;
	if (!is_plain(s) || !is_plain(l) || *s != *l ||
	    (is_in(lists, SPELLED, s) && is_in(lists, SPELLED, l)))
		return WORDS_APART;
	bool slip = is_slip(s, l, &doubled);
	if (doubled && strlen(l) >= 7)
		return WORDS_SAME;
	bool likely = (slip && strlen(l) >= 5) || (is_cut(s, l) && !is_in(lists, SPELLED, s)) ||
		      (strlen(s) < strlen(l) && is_without_vowels(s, l));
	return likely ? WORDS_LIKELY : WORDS_APART;
}

/* The worst of the pairs that it makes. */
static enum words_verdict pair_alike(const struct words_lists *lists, struct words *a,
				     struct words *b)
{
	enum words_verdict worst = WORDS_SAME;
	for (int i = 0; i < a->count; i++) {
		enum words_verdict best = WORDS_APART;
		int place = -1;
		for (int j = 0; j < b->count && a->twin[i] < 0; j++) {
			enum words_verdict v =
				b->twin[j] < 0 ? judge(lists, a->word[i], b->word[j]) : WORDS_APART;
			if (v > best) {
				best = v;
				place = j;
			}
		}
		if (place < 0)
			continue;
		pair(a, i, b, place);
		worst = best < worst ? best : worst;
	}
	return worst;
}

/* ---- order ---- */

static int find(const struct words *w, const char *word, int from)
{
	for (int i = from; i < w->count; i++)
		if (strcmp(w->word[i], word) == 0)
			return i;
	return -1;
}

typedef bool is_of_sort(const struct words_lists *lists, const char *word);

static bool is_measure(const struct words_lists *l, const char *w) { return is_in(l, MEASURES, w); }
static bool is_color(const struct words_lists *l, const char *w) { return is_in(l, COLORS, w); }
static bool is_number(const struct words_lists *l, const char *w)
{
	(void)l;
	return is_of_number(*w);
}

/* The next word of a sort that both have; its place, or -1. */
static int next_of(const struct words_lists *lists, is_of_sort *is_of, const struct words *w,
		   const struct words *other, int from)
{
	for (int i = from; i < w->count; i++)
		if (is_of(lists, w->word[i]) && find(other, w->word[i], 0) >= 0)
			return i;
	return -1;
}

static bool is_sort_in_order(const struct words_lists *lists, is_of_sort *is_of,
			     const struct words *a, const struct words *b)
{
	int i = -1, j = -1;
	do {
		i = next_of(lists, is_of, a, b, i + 1);
		j = next_of(lists, is_of, b, a, j + 1);
		if ((i < 0) != (j < 0) || (i >= 0 && strcmp(a->word[i], b->word[j]) != 0))
			return false;
	} while (i >= 0);
	return true;
}

static const char *at(const struct words *w, int i)
{
	return i >= 0 && i < w->count ? w->word[i] : "";
}

/* Whether the word at a place of a stands in b beside what it is said of. */
static bool is_beside(const struct words_lists *lists, const struct words *a, int i,
		      const struct words *b)
{
	bool before = is_in(lists, BEFORE, a->word[i]), behind = is_in(lists, BEHIND, a->word[i]);
	int j = find(b, a->word[i], 0);
	if ((!before && !behind) || j < 0)
		return true;
	for (; j >= 0; j = find(b, a->word[i], j + 1))
		if ((!before || strcmp(at(a, i + 1), at(b, j + 1)) == 0) &&
		    (!behind || strcmp(at(a, i - 1), at(b, j - 1)) == 0))
			return true;
	return false;
}

static bool is_turned(const struct words_lists *lists, const struct words *a, int i,
		      const struct words *b)
{
	const char *first = at(a, i), *second = at(a, i + 1);
	if (!*second || (!is_pair(lists, first, second) && !is_pair(lists, second, first)))
		return false;
	for (int j = 0; j + 1 < b->count; j++)
		if (strcmp(at(b, j), second) == 0 && strcmp(at(b, j + 1), first) == 0)
			return true;
	return false;
}

static bool is_in_order(const struct words_lists *lists, const struct words *a,
			const struct words *b)
{
	if (!is_sort_in_order(lists, is_measure, a, b) ||
	    !is_sort_in_order(lists, is_color, a, b) || !is_sort_in_order(lists, is_number, a, b))
		return false;
	for (int i = 0; i < a->count; i++)
		if (!is_beside(lists, a, i, b) || is_turned(lists, a, i, b))
			return false;
	return true;
}

/* ---- what describes, and what names ---- */

/* unsalted, nonfat, boneless, sugarfree */
static bool is_formed_to_turn(const char *word)
{
	size_t n = strlen(word);
	return (n >= 5 && strncmp(word, "un", 2) == 0) ||
	       (n >= 6 && strncmp(word, "non", 3) == 0) ||
	       (n >= 7 && (strcmp(word + n - 4, "less") == 0 || strcmp(word + n - 4, "free") == 0));
}

static bool is_participle(const char *word)
{
	size_t n = strlen(word);
	return n >= 5 && ends(word, "ed") && word[n - 3] != 'e';
}

static bool describes(const struct words_lists *lists, const struct words *w, int i)
{
	static const enum list sorts[] = {MEASURES, COLORS, BEFORE, BEHIND, DESCRIBING, UNITS};
	const char *word = w->word[i];
	for (size_t k = 0; k < sizeof sorts / sizeof *sorts; k++)
		if (is_in(lists, sorts[k], word))
			return true;
	return is_of_number(*word) || is_formed_to_turn(word) || is_participle(word) ||
	       (i > 0 && is_in(lists, BEFORE, w->word[i - 1])) ||
	       (i + 1 < w->count && is_in(lists, BEHIND, w->word[i + 1]));
}

/* From the one place to the other. */
static bool has_name(const struct words_lists *lists, const struct words *w, int from, int to)
{
	for (int i = from; i <= to; i++)
		if (!describes(lists, w, i))
			return true;
	return false;
}

static int next_name(const struct words_lists *lists, const struct words *w, int from)
{
	while (from < w->count && describes(lists, w, from))
		from++;
	return from;
}

/* The same names, one behind the other in both. */
static bool is_one_thing(const struct words_lists *lists, const struct words *a,
			 const struct words *b)
{
	int i = next_name(lists, a, 0), j = next_name(lists, b, 0);
	while (i < a->count && j < b->count && strcmp(a->word[i], b->word[j]) == 0) {
		int after_i = next_name(lists, a, i + 1), after_j = next_name(lists, b, j + 1);
		if ((after_i < a->count && after_i > i + 1) ||
		    (after_j < b->count && after_j > j + 1))
			return false;
		i = after_i;
		j = after_j;
	}
	return i >= a->count && j >= b->count;
}

/* What both have comes in one order. */
static bool is_common_in_order(const struct words *a, const struct words *b)
{
	int i = 0, j = 0;
	for (;; i++, j++) {
		while (i < a->count && find(b, a->word[i], 0) < 0)
			i++;
		while (j < b->count && find(a, b->word[j], 0) < 0)
			j++;
		if (i >= a->count || j >= b->count)
			return i >= a->count && j >= b->count;
		if (strcmp(a->word[i], b->word[j]) != 0)
			return false;
	}
}

/* A word that describes: where it stands in b, if it stands before another word there. -1: no. */
static int moved_to(const struct words_lists *lists, const struct words *a, int i,
		    const struct words *b)
{
	int k = find(b, a->word[i], 0);
	bool counts = describes(lists, a, i) && !is_of_number(a->word[i][0]) &&
		      !is_in(lists, UNITS, a->word[i]);
	return counts && k >= 0 && strcmp(at(a, i + 1), at(b, k + 1)) != 0 ? k : -1;
}

/* Two that describe have changed places, and a name is between them. */
static bool is_exchanged(const struct words_lists *lists, const struct words *a,
			 const struct words *b)
{
	for (int i = 0; i < a->count; i++)
		for (int j = i + 1; j < a->count; j++) {
			int k = moved_to(lists, a, i, b), l = moved_to(lists, a, j, b);
			if (l >= 0 && l < k && has_name(lists, a, i, j) && has_name(lists, b, l, k))
				return true;
		}
	return false;
}

/* ---- all of it ---- */

static bool has_turning(const struct words_lists *lists, const struct words *w)
{
	for (int i = 0; i < w->count; i++)
		if (w->twin[i] < 0 &&
		    (is_in(lists, TURNING, w->word[i]) || is_formed_to_turn(w->word[i])))
			return true;
	return false;
}

/* One of them only has more words, and the other is more than one of many. */
static bool is_shortened(const struct words_lists *lists, const struct words *a,
			 const struct words *b)
{
	int least = a->count < b->count ? a->count : b->count;
	int most = a->count < b->count ? b->count : a->count;
	if (count_single(a) > 0 && count_single(b) > 0)
		return false;
	return !has_turning(lists, a) && !has_turning(lists, b) && (least > 1 || most <= 2);
}

/* One is the beginning of the other: before words that do not turn it, or cut in the middle of a
 * word, of which "a" of "aa" is none. */
static bool is_beginning(const struct words_lists *lists, const char *a, const char *b, bool turned)
{
	const char *part = strlen(a) < strlen(b) ? a : b, *whole = part == a ? b : a;
	size_t n = strlen(part);
	const char *last = strrchr(part, ' ');
	if (n < 10 || strncmp(part, whole, n) != 0)
		return false;
	return !turned || (whole[n] != ' ' && !is_in(lists, TURNING, last ? last + 1 : part));
}

enum words_verdict words_compare(const struct words_lists *lists, const char *a_key,
				 const char *b_key)
{
	static struct words a, b;
	enum words_verdict verdict = WORDS_SAME;
	split(lists, &a, a_key);
	split(lists, &b, b_key);
	pair_equal(&a, &b);
	if (!is_joined(&a, &b))
		verdict = pair_alike(lists, &a, &b);
	bool turned = has_turning(lists, &a) || has_turning(lists, &b);
	if (!is_joined(&a, &b) && count_single(&a) + count_single(&b) > 0)
		verdict = is_shortened(lists, &a, &b) || is_beginning(lists, a_key, b_key, turned)
				  ? WORDS_SHORTENED
				  : WORDS_APART;
	if (!is_in_order(lists, &a, &b))
		return WORDS_APART;
	if (is_common_in_order(&a, &b) || is_one_thing(lists, &a, &b))
		return verdict;
	if (is_exchanged(lists, &a, &b))
		return WORDS_APART;
	return verdict == WORDS_SAME ? WORDS_LIKELY : verdict;
}
