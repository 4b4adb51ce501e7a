#include "rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text.h"

#define THE_RULES                                                                                  \
	"the rules are \"required sections: A, B\" and \"banned terms: x, y\", a line each"

enum { SHOWN = 80 /* bytes of a line or a term */, NAME_MAX_SIZE = 80 };

struct span {
	const char *at;
	size_t size;
};

/* What is being read; why is as in rules_read(). */
struct reading {
	struct rules *rules;
	struct terms *terms; /* of the rule at hand */
	struct span line;
	int number;
	char *why;
};

static const char *const blanks[] = {" ",      "\t",	 "\r",	   "\v",     "\f",
				     "\u00A0", "\u3000", "\u202F", "\uFEFF", NULL};
static const char *const colons[] = {":", "：", "﹕", NULL};
static const char *const separators[] = {",", ";", "、", "，", "､", "﹐", "；", "،", "؛", NULL};
static const char *const quotes[][2] = {
	{"**", "**"}, {"__", "__"}, {"\"", "\""}, {"'", "'"},	{"`", "`"},   {"*", "*"},
	{"“", "”"},   {"„", "“"},   {"„", "”"},	  {"‘", "’"},	{"‚", "‘"},   {"«", "»"},
	{"»", "«"},   {"‹", "›"},   {"「", "」"}, {"『", "』"}, {"《", "》"}, {"＂", "＂"},
};
/* Not within a term that stands without quotes; the second list, if it is banned. */
static const char *const odd[] = {"|",	 "[",	  "]",	   "{",	 "}",  "<",  ">",    "\\",
				  "`",	 "•",	  "｜",	   "［", "］", "【", "】",   "（",
				  "）",	 "“",	  "”",	   "„",	 "«",  "»",  "&amp", "&lt",
				  "&gt", "&quot", "&nbsp", "&#", NULL};
static const char *const joins[] = {" and ", " or ",  " & ",	" + ",	" / ",	" - ", " – ",
				    " — ",   " und ", " oder ", " et ", " ou ", " y ", " и ",
				    " или ", "\t",    "\u3000", "・",	NULL};
static const char *const odd_begins[] = {":",  "=",  "：", "＝", "*", "\"", "'",
					 "- ", "# ", "##", "/",	 "‘", NULL};
static const char *const odd_ends[] = {":", "=", "*", "\"", "'", ".", "。", "…", "’", NULL};

static int refuse(struct reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct reading *r, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(r->why, WHY_MAX, "line %d of custom_instructions, \"%.*s\", ", r->number,
			 (int)text_cut(r->line.at, r->line.size, SHOWN), r->line.at);
	va_start(args, fmt);
	vsnprintf(r->why + n, WHY_MAX - (size_t)n, fmt, args);
	va_end(args);
	return -1;
}

/* ---- pieces of a line ---- */

/* Bytes of the one that a span begins with; 0: with none. */
static size_t begins(struct span s, const char *const *list)
{
	for (; *list; list++)
		if (s.size >= strlen(*list) && strncasecmp(s.at, *list, strlen(*list)) == 0)
			return strlen(*list);
	return 0;
}

static size_t ends(struct span s, const char *const *list)
{
	for (; *list; list++)
		if (s.size >= strlen(*list) &&
		    memcmp(s.at + s.size - strlen(*list), *list, strlen(*list)) == 0)
			return strlen(*list);
	return 0;
}

static struct span skip(struct span s, size_t n) { return (struct span){s.at + n, s.size - n}; }

static struct span trim(struct span s)
{
	for (size_t n; (n = begins(s, blanks)) > 0;)
		s = skip(s, n);
	for (size_t n; (n = ends(s, blanks)) > 0;)
		s.size -= n;
	return s;
}

/* How many bytes stand before the first one of the list; all, if there is none. */
static size_t until(struct span s, const char *const *list)
{
	size_t n = 0;
	while (n < s.size && begins(skip(s, n), list) == 0)
		n++;
	return n;
}

/* ---- the name of a rule ---- */

/* In small letters, without what divides or adorns it. */
static bool read_name(struct span name, char plain[NAME_MAX_SIZE])
{
	struct out folded = OUT_INIT;
	size_t n = 0;
	text_fold(name.at, name.size < NAME_MAX_SIZE ? name.size : 0, &folded);
	for (size_t i = 0; i < folded.size; i++)
		if (!strchr(" -_*+", folded.data[i]) && n < NAME_MAX_SIZE - 1)
			plain[n++] = folded.data[i];
	plain[n] = '\0';
	out_release(&folded);
	return n > 0;
}

/* The ** of a name may end behind its colon. */
static struct span close_name(struct span name, struct span list)
{
	static const char *const marks[] = {"**", "__", NULL};
	for (const char *const *m = marks; *m; m++) {
		const char *const one[] = {*m, NULL};
		size_t from = until(name, one), n = begins(list, one);
		if (n > 0 && from < name.size &&
		    until(skip(name, from + n), one) == name.size - from - n)
			return skip(list, n);
	}
	return list;
}

/* The terms that a line is for, or NULL; *list is what stands behind the colon. */
static struct terms *find_terms(struct rules *r, struct span line, struct span *list)
{
	const struct {
		const char *name;
		struct terms *terms;
	} names[] = {{"requiredsections", &r->required},
		     {"requiredsection", &r->required},
		     {"bannedterms", &r->banned},
		     {"bannedterm", &r->banned}};
	char plain[NAME_MAX_SIZE];
	struct span name = {line.at, until(line, colons)};
	if (name.size == line.size || !read_name(name, plain))
		return NULL;
	*list = skip(line, name.size);
	*list = close_name(name, skip(*list, begins(*list, colons)));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(plain, names[i].name) == 0)
			return names[i].terms;
	return NULL;
}

/* ---- terms ---- */

static int add_term(struct reading *r, struct span term)
{
	struct out *folded = &r->rules->folded;
	if (term.size > TERM_MAX || r->terms->count == TERMS_MAX)
		return refuse(r,
			      "is too long: at most %d required sections and as many banned "
			      "terms, each of at most %d bytes",
			      TERMS_MAX, TERM_MAX);
	if (!text_tells(term.at, term.size))
		return refuse(r, "has a term without any letter or digit: \"%.*s\"", (int)term.size,
			      term.at);
	out_add(folded, "", 1); /* between two terms, so that each is folded for itself */
	struct term t = {.shown = term.at, .shown_size = term.size, .at = folded->size};
	text_fold(term.at, term.size, folded);
	if (folded->size > t.at && folded->data[folded->size - 1] == ' ')
		folded->size--;
	t.size = folded->size - t.at;
	r->terms->list[r->terms->count++] = t;
	return 0;
}

/* Parentheses are pairs, and not around all of it. */
static bool is_parted(struct span s)
{
	int depth = 0;
	if (s.size > 0 && *s.at == '(' && s.at[s.size - 1] == ')')
		return true;
	for (size_t i = 0; i < s.size && depth >= 0; i++)
		depth += (s.at[i] == '(') - (s.at[i] == ')');
	return depth != 0;
}

static int add_bare_term(struct reading *r, struct span term)
{
	struct span rest;
	const char *wrong = NULL;
	if (!text_tells(term.at, term.size))
		return add_term(r, term);
	if (find_terms(r->rules, term, &rest))
		wrong = "is two rules; have a line for each";
	else if (until(term, odd) < term.size || is_parted(term) || begins(term, odd_begins) ||
		 ends(term, odd_ends))
		wrong = "has marks that no text would match; separate terms by commas, and have "
			"quotes around one that is meant so";
	else if (r->terms == &r->rules->banned && until(term, joins) < term.size)
		wrong = "may be one term or two; separate terms by commas, or have quotes around "
			"it";
	if (wrong)
		return refuse(r, "%s: %.*s", wrong, (int)text_cut(term.at, term.size, SHOWN),
			      term.at);
	return add_term(r, term);
}

/* Takes a term in quotes off the list, with the separator behind it. False: there is none. */
static bool take_quoted(struct span *list, struct span *term)
{
	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
		const char *const open[] = {quotes[i][0], NULL}, *const shut[] = {quotes[i][1],
										  NULL};
		size_t n = begins(*list, open);
		if (n == 0)
			continue;
		struct span inside = skip(*list, n);
		inside.size = until(inside, shut);
		if (n + inside.size == list->size)
			continue;
		struct span rest = trim(skip(*list, n + inside.size + strlen(*shut)));
		size_t more = begins(rest, separators);
		if (rest.size > 0 && more == 0)
			continue;
		*term = trim(inside);
		*list = skip(rest, more);
		return true;
	}
	return false;
}

static int read_list(struct reading *r, struct span list)
{
	size_t before = r->terms->count;
	struct span term;
	for (list = trim(list); list.size > 0; list = trim(list)) {
		bool quoted = take_quoted(&list, &term);
		if (!quoted) {
			term = trim((struct span){list.at, until(list, separators)});
			list = skip(list, until(list, separators));
			list = skip(list, begins(list, separators));
		}
		if (term.size > 0 && (quoted ? add_term(r, term) : add_bare_term(r, term)) < 0)
			return -1;
	}
	return r->terms->count > before
		       ? 0
		       : refuse(r, "has an empty list: terms stand on its own line, "
				   "separated by commas");
}

static int read_line(struct reading *r)
{
	struct span list;
	r->line = trim(r->line);
	if (r->line.size == 0 || *r->line.at == '#')
		return 0;
	r->terms = find_terms(r->rules, r->line, &list);
	if (!r->terms)
		return refuse(r, "is no rule; %s (a model, as ai_model, reads free text)",
			      THE_RULES);
	return read_list(r, list);
}

int rules_read(struct rules *rules, const char *instructions, size_t n, char why[WHY_MAX])
{
	static const char *const line_ends[] = {"\r\n",	  "\n",	      "\r", "\u2028",
						"\u2029", "\xC2\x85", NULL};
	struct span rest = {instructions, n};
	struct reading r = {.rules = rules, .why = why};
	*why = '\0';
	while (rest.size > 0) {
		r.line = (struct span){rest.at, until(rest, line_ends)};
		r.number++;
		rest = skip(rest, r.line.size);
		rest = skip(rest, begins(rest, line_ends));
		if (read_line(&r) < 0)
			return -1;
	}
	if (rules->required.count + rules->banned.count == 0) {
		snprintf(why, WHY_MAX, "custom_instructions has no rule; %s", THE_RULES);
		return -1;
	}
	return rules->folded.failed ? -1 : 0;
}

void rules_release(struct rules *r) { out_release(&r->folded); }
