#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "analysis.h"
#include "kit.h"
#include "text.h"

enum {
	FAULTS_MAX = 5000, /* that are listed; all are counted */
	SHOWN = 200,	   /* bytes of what a fault is about */
	NO_LINE = 0
};

#define FAULTS_LIMIT (RESULT_MOST - 4096)

enum rule {
	HEADING_ORDER,
	SEVERAL_H1,
	IMAGE_ALT,
	BARE_URL,
	EMPTY_LINK,
	REQUIRED_SECTION,
	BANNED_TERM,
	RULES
};

static const char *const rule_names[RULES] = {"heading_order", "several_h1", "image_alt",
					      "bare_url",      "empty_link", "required_section",
					      "banned_term"};

struct fault {
	enum rule rule;
	int64_t line; /* NO_LINE: the document as a whole */
	size_t seq;
	char text[SHOWN + 64];
};

struct check {
	const struct rules *rules;
	struct prose folded;
	int last_level; /* of the heading before; 0: there was none */
	int64_t h1_line;
	bool found[TERMS_MAX]; /* of the required sections */
	struct fault *faults;
	size_t count, room;
	int64_t counts[RULES];
	bool failed;
};

/* ---- faults ---- */

static struct fault *new_fault(struct check *c)
{
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct fault *faults = realloc(c->faults, room * sizeof *faults);
		if (!faults) {
			c->failed = true;
			return NULL;
		}
		c->faults = faults;
		c->room = room;
	}
	return &c->faults[c->count++];
}

/* what: "... " and then the text that it is about. */
static void add_fault(struct check *c, enum rule rule, int64_t line, const char *what,
		      const char *about, size_t n)
{
	c->counts[rule]++;
	struct fault *f = c->count < FAULTS_MAX || line == NO_LINE ? new_fault(c) : NULL;
	if (!f)
		return;
	f->rule = rule;
	f->line = line;
	f->seq = c->count;
	snprintf(f->text, sizeof f->text, "%s%.*s", what, (int)text_cut(about, n, SHOWN),
		 about ? about : "");
}

static int by_line(const void *a, const void *b)
{
	const struct fault *x = a, *y = b;
	if ((x->line == NO_LINE) != (y->line == NO_LINE))
		return x->line == NO_LINE ? 1 : -1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

/* ---- headings ---- */

static bool has_term(const struct check *c, const struct term *t, const struct out *text,
		     size_t from, int64_t *at)
{
	*at = text_find(text->data, text->size, from, c->rules->folded.data + t->at, t->size);
	return *at >= 0;
}

static void check_h1(struct check *c, const struct element *e)
{
	char what[64];
	if (c->h1_line)
		snprintf(what, sizeof what,
			 "another first-level heading after line %lld: ", (long long)c->h1_line);
	if (c->h1_line)
		add_fault(c, SEVERAL_H1, e->line, what, e->text, e->size);
	else
		c->h1_line = e->line;
}

static void find_sections(struct check *c, const struct element *e)
{
	struct out folded = OUT_INIT;
	int64_t at;
	text_fold(e->text, e->size, &folded);
	c->failed |= folded.failed;
	for (size_t i = 0; i < c->rules->required.count && folded.size > 0; i++)
		c->found[i] |= has_term(c, &c->rules->required.list[i], &folded, 0, &at);
	out_release(&folded);
}

static void check_heading(struct check *c, const struct element *e)
{
	char what[64];
	if (e->level == 1)
		check_h1(c, e);
	if (c->last_level && e->level > c->last_level + 1) {
		snprintf(what, sizeof what, "level %d after level %d: ", e->level, c->last_level);
		add_fault(c, HEADING_ORDER, e->line, what, e->text, e->size);
	}
	c->last_level = e->level;
	find_sections(c, e);
}

/* A text outside of the prose: of a link's title, or of the front matter. */
static void check_aside(struct check *c, const char *text, size_t n, int64_t line, const char *what)
{
	struct out folded = OUT_INIT;
	int64_t at;
	if (n > 0 && c->rules->banned.count > 0)
		text_fold(text, n, &folded);
	c->failed |= folded.failed;
	for (size_t i = 0; i < c->rules->banned.count && folded.size > 0; i++) {
		const struct term *t = &c->rules->banned.list[i];
		if (has_term(c, t, &folded, 0, &at))
			add_fault(c, BANNED_TERM, line, what, t->shown, t->shown_size);
	}
	out_release(&folded);
}

static void check_prose(void *context, const struct prose *p)
{
	struct check *c = context;
	if (c->rules->banned.count == 0)
		return;
	prose_fold(p, &c->folded);
	for (size_t i = 0; i < c->rules->banned.count; i++) {
		const struct term *t = &c->rules->banned.list[i];
		for (int64_t at = -1; has_term(c, t, &c->folded.text, (size_t)(at + 1), &at);)
			add_fault(c, BANNED_TERM, prose_line(&c->folded, (size_t)at),
				  "banned term: ", t->shown, t->shown_size);
	}
}

/* ---- links and images ---- */

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == '\0'; }

static void check_link(struct check *c, const struct element *e)
{
	if (is_blank(e->url) || strcmp(e->url, "#") == 0)
		add_fault(c, EMPTY_LINK, e->line, "link without a target: ", e->text, e->size);
	else if (!e->tells)
		add_fault(c, EMPTY_LINK, e->line, "link without a text: ", e->url, strlen(e->url));
}

static void check_element(void *context, const struct element *e)
{
	struct check *c = context;
	if (e->title)
		check_aside(c, e->title, strlen(e->title), e->line, "banned term in a title: ");
	if (e->part == PART_HEADING)
		check_heading(c, e);
	else if (e->part == PART_LINK)
		check_link(c, e);
	else if (!e->tells)
		add_fault(c, IMAGE_ALT, e->line, "image without alt text: ", e->url,
			  strlen(e->url));
}

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* How many bytes of what begins at `at` are an address; 0: it is none. */
static size_t url_size(const char *at)
{
	static const char *const begins[] = {"http://", "https://", "ftp://", "www."};
	size_t n = 0;
	for (size_t i = 0; n == 0 && i < sizeof begins / sizeof *begins; i++)
		if (strncasecmp(at, begins[i], strlen(begins[i])) == 0)
			n = strlen(begins[i]);
	if (n == 0 || !(is_plain(at[n]) || at[n] == '[' || (at[n] & 0x80)))
		return 0;
	n += strcspn(at + n, " \t\r\n<>\"`");
	while (strchr(".,:;!?'()[]{}*_~", at[n - 1]))
		n--;
	return n;
}

static void check_text(void *context, const char *text, int64_t line)
{
	struct check *c = context;
	for (const char *at = text; *at; at++) {
		size_t n = at == text || !is_plain(at[-1]) ? url_size(at) : 0;
		if (n == 0)
			continue;
		add_fault(c, BARE_URL, line, "bare URL: ", at, n);
		at += n - 1;
	}
}

/* ---- the result ---- */

static void add_missing(struct check *c)
{
	for (size_t i = 0; i < c->rules->required.count; i++) {
		const struct term *t = &c->rules->required.list[i];
		if (!c->found[i])
			add_fault(c, REQUIRED_SECTION, NO_LINE, "there is no section: ", t->shown,
				  t->shown_size);
	}
}

static void write_fault(const struct fault *f, struct out *out)
{
	out_open(out, NULL, '{');
	out_text(out, "rule", rule_names[f->rule], strlen(rule_names[f->rule]));
	if (f->line == NO_LINE)
		out_raw(out, "line", "null", 4);
	else
		out_count(out, "line", f->line);
	out_text(out, "text", f->text, strlen(f->text));
	out_close(out, '}');
}

/* Returns how many it has listed. */
static int64_t write_faults(struct check *c, struct out *out)
{
	struct out_list kept = {.limit = FAULTS_LIMIT};
	if (c->count > 0)
		qsort(c->faults, c->count, sizeof *c->faults, by_line);
	out_open(out, "faults", '[');
	for (size_t i = 0; i < c->count; i++) {
		out_begin(out, &kept);
		write_fault(&c->faults[i], out);
		out_keep(out, &kept);
	}
	out_close(out, ']');
	return (int64_t)c->count - kept.left_out;
}

static void write_counts(const struct check *c, int64_t total, int64_t listed, struct out *out)
{
	out_count(out, "fault_count", total);
	out_open(out, "by_rule", '{');
	for (size_t i = 0; i < RULES; i++)
		if (c->counts[i] > 0)
			out_count(out, rule_names[i], c->counts[i]);
	out_close(out, '}');
	out_open(out, "checked", '{');
	out_count(out, "required_sections", (int64_t)c->rules->required.count);
	out_count(out, "banned_terms", (int64_t)c->rules->banned.count);
	out_close(out, '}');
	if (listed == total)
		return;
	out_open(out, "left_out", '{');
	out_count(out, "faults", total - listed);
	out_close(out, '}');
}

static void write_result(struct check *c, struct out *out)
{
	int64_t total = 0;
	for (size_t i = 0; i < RULES; i++)
		total += c->counts[i];
	out_open(out, NULL, '{');
	out_flag(out, "compliant", total == 0);
	int64_t listed = write_faults(c, out);
	write_counts(c, total, listed, out);
	out_close(out, '}');
	out_end(out);
}

int compliance_write(const struct document *d, const struct front *front, const struct rules *rules,
		     struct out *result)
{
	struct check c = {.rules = rules};
	const struct visitor visitor = {
		.context = &c, .element = check_element, .prose = check_prose, .text = check_text};
	result->failed |= document_walk(d, &visitor) < 0 || c.folded.text.failed;
	check_aside(&c, front->title, front->title_size, NO_LINE,
		    "banned term in the front matter's title: ");
	check_aside(&c, front->description, front->description_size, NO_LINE,
		    "banned term in the front matter's description: ");
	add_missing(&c);
	result->failed |= c.failed;
	if (!result->failed)
		write_result(&c, result);
	result->failed |= c.failed;
	prose_release(&c.folded);
	free(c.faults);
	return result->failed ? -1 : 0;
}
