#include <string.h>

#include "analysis.h"
#include "kit.h"
#include "text.h"

enum {
	TEXT_MOST = 500, /* bytes that are shown of a text, and of an address */
	URL_MOST = 2000,
	LANGUAGE_MOST = 40,
	LANGUAGES = 100
};

/* Each list may be so large, and the result grow so far. */
#define LIST_LIMIT (RESULT_MOST * 25 / 100)
#define CODE_LIMIT (RESULT_MOST * 85 / 100)
#define FRONT_LIMIT (RESULT_MOST - 1024)

struct language {
	char name[LANGUAGE_MOST + 1]; /* "": none is named */
	int64_t blocks, lines;
};

/* What is written of the elements of a sort, as the document is walked. */
struct list {
	const char *name, *text; /* of the list, and of its elements' text */
	struct out out;
	struct out_list kept;
};

enum { LISTS = PART_IMAGE + 1 };

struct metadata {
	struct text_counts counts;
	struct list lists[LISTS];
	struct out title; /* the first h1 that says something */
	bool titled;
	struct language languages[LANGUAGES];
	size_t language_count;
	int64_t other_blocks; /* of languages beyond */
	bool failed;
};

/* ---- blocks of code ---- */

static bool is_directive(const char *word, size_t n)
{
	static const char *const directives[] = {"code-block", "code-cell", "code", "sourcecode"};
	for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
		if (n == strlen(directives[i]) && strncmp(word, directives[i], n) == 0 &&
		    word[n] == '}')
			return true;
	return false;
}

/* The word that says the language. Info strings are `python`, `rust,ignore`, `js{1,3}`, `js:title`,
 * `{r, echo=FALSE}`, `{.python .numberLines}`, `{python echo=FALSE}`, `{=html}`, `{{r}}`, and
 * MyST's `{code-block} python`: R Markdown's, Quarto's and Pandoc's manuals, and MyST's. */
static size_t find_word(const char *info, const char **word)
{
	bool braced;
	size_t n;
	do {
		braced = *info == '{';
		info += strspn(info, "{ \t");
		while (braced && *info == '#') {
			info += strcspn(info, " \t}");
			info += strspn(info, " \t");
		}
		info += braced && (*info == '.' || *info == '=');
		n = strcspn(info, braced ? " \t,}" : " \t{,:");
		*word = info;
		info += n + 1; /* behind a directive's brace */
	} while (braced && is_directive(*word, n));
	return braced && memchr(*word, '=', n) ? 0 : n;
}

static struct language *find_language(struct metadata *m, const char *info)
{
	size_t n = text_cut(info, find_word(info, &info), LANGUAGE_MOST);
	for (size_t i = 0; i < m->language_count; i++)
		if (strlen(m->languages[i].name) == n && memcmp(m->languages[i].name, info, n) == 0)
			return &m->languages[i];
	if (m->language_count == LANGUAGES)
		return NULL;
	struct language *l = &m->languages[m->language_count++];
	memcpy(l->name, info, n);
	return l;
}

static void count_code(void *context, const char *info, const char *text)
{
	struct metadata *m = context;
	struct language *l = find_language(m, info ? info : "");
	if (!l) {
		m->other_blocks++;
		return;
	}
	l->blocks++;
	for (const char *c = text; (c = strchr(c, '\n')); c++)
		l->lines++;
}

/* ---- prose and elements ---- */

static void count_prose(void *context, const struct prose *p)
{
	struct metadata *m = context;
	m->failed |= text_count(p->text.data, p->text.size, &m->counts) < 0;
}

static void add_shown(struct out *out, const char *key, const char *text, size_t n, size_t most)
{
	out_text(out, key, text ? text : "", text ? text_cut(text, n, most) : 0);
}

static void add_element(struct list *list, const struct element *e)
{
	out_open(&list->out, NULL, '{');
	if (e->part == PART_HEADING)
		out_count(&list->out, "level", e->level);
	else
		add_shown(&list->out, "url", e->url, strlen(e->url), URL_MOST);
	add_shown(&list->out, list->text, e->text, e->size, TEXT_MOST);
	out_count(&list->out, "line", e->line);
	out_close(&list->out, '}');
}

static void take_element(void *context, const struct element *e)
{
	struct metadata *m = context;
	struct list *list = &m->lists[e->part];
	if (e->part == PART_HEADING && e->level == 1 && !m->titled && e->size > 0) {
		out_add(&m->title, e->text, text_cut(e->text, e->size, TEXT_MOST));
		m->titled = true;
	}
	if (list->kept.left_out > 0) { /* a list is cut at one place */
		list->kept.left_out++;
		return;
	}
	out_begin(&list->out, &list->kept);
	add_element(list, e);
	out_keep(&list->out, &list->kept);
}

/* ---- the result ---- */

static int64_t write_list(struct list *list, struct out *out)
{
	out_open(out, list->name, '[');
	out_add(out, list->out.data, list->out.size);
	out_close(out, ']');
	out->failed |= list->out.failed;
	return list->kept.left_out;
}

static int64_t write_code(struct metadata *m, struct out *out)
{
	struct out_list kept = {.limit = CODE_LIMIT, .left_out = m->other_blocks};
	out_open(out, "code_blocks", '[');
	for (size_t i = 0; i < m->language_count; i++) {
		const struct language *l = &m->languages[i];
		out_begin(out, &kept);
		out_open(out, NULL, '{');
		out_text(out, "language", *l->name ? l->name : NULL, strlen(l->name));
		out_count(out, "blocks", l->blocks);
		out_count(out, "lines", l->lines);
		out_close(out, '}');
		out_keep(out, &kept);
	}
	out_close(out, ']');
	return kept.left_out;
}

/* White space is one blank, as it is within a heading. */
static size_t tidy(const char *text, size_t n, char *out, size_t room)
{
	size_t size = 0;
	for (size_t i = 0; i < n && size < room; i++) {
		bool blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
		if (!blank)
			out[size++] = text[i];
		else if (size > 0 && out[size - 1] != ' ')
			out[size++] = ' ';
	}
	return size > 0 && out[size - 1] == ' ' ? size - 1 : size;
}

/* The front matter's, if it says something; else the first h1 that does. */
static void write_title(const struct metadata *m, const struct front *front, struct out *out)
{
	char title[TEXT_MOST + 64]; /* more than is shown, so that it is cut as texts are */
	size_t n = tidy(front->title, front->title_size, title, sizeof title);
	if (n > 0)
		add_shown(out, "title", title, n, TEXT_MOST);
	else if (m->titled)
		add_shown(out, "title", m->title.data, m->title.size, TEXT_MOST);
	else
		out_text(out, "title", NULL, 0);
}

static void write_counts(const struct metadata *m, struct out *out)
{
	out_count(out, "words", m->counts.words);
	if (m->counts.estimated > 0)
		out_count(out, "words_estimated", m->counts.estimated);
	out_count(out, "characters", m->counts.characters);
	out_tenths(out, "reading_minutes",
		   (m->counts.words * 10 + WORDS_PER_MINUTE / 2) / WORDS_PER_MINUTE);
	out_count(out, "words_per_minute", WORDS_PER_MINUTE);
}

/* Whether there was room for it. */
static bool write_front(const struct front *front, struct out *out)
{
	bool fits = out->size + front->json_size <= FRONT_LIMIT;
	if (front->json && fits)
		out_raw(out, "front_matter", front->json, front->json_size);
	return fits;
}

static void write_left_out(const int64_t left_out[LISTS + 2], struct out *out)
{
	static const char *const names[] = {"headings", "links", "images", "code_blocks",
					    "front_matter"};
	bool any = false;
	for (size_t i = 0; i < LISTS + 2; i++)
		any |= left_out[i] > 0;
	if (!any)
		return;
	out_open(out, "left_out", '{');
	for (size_t i = 0; i < LISTS + 2; i++)
		if (left_out[i] > 0)
			out_count(out, names[i], left_out[i]);
	out_close(out, '}');
}

static void write_all(struct metadata *m, const struct front *front, struct out *result)
{
	int64_t left_out[LISTS + 2] = {0};
	out_open(result, NULL, '{');
	write_title(m, front, result);
	write_counts(m, result);
	for (size_t i = 0; i < LISTS; i++)
		left_out[i] = write_list(&m->lists[i], result);
	left_out[LISTS] = write_code(m, result);
	left_out[LISTS + 1] = !write_front(front, result);
	write_left_out(left_out, result);
	out_close(result, '}');
	out_end(result);
	result->failed |= m->title.failed;
}

int metadata_write(const struct document *d, const struct front *front, struct out *result)
{
	struct metadata m = {
		.lists = {[PART_HEADING] = {"headings", "text", .kept.limit = LIST_LIMIT},
			  [PART_LINK] = {"links", "text", .kept.limit = LIST_LIMIT},
			  [PART_IMAGE] = {"images", "alt", .kept.limit = LIST_LIMIT}},
	};
	const struct visitor visitor = {
		.context = &m, .element = take_element, .prose = count_prose, .code = count_code};
	if (document_walk(d, &visitor) < 0 || m.failed)
		result->failed = true;
	else
		write_all(&m, front, result);
	for (size_t i = 0; i < LISTS; i++)
		out_release(&m.lists[i].out);
	out_release(&m.title);
	return result->failed ? -1 : 0;
}
