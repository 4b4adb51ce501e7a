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

/* So far the result may grow before a list is cut. */
#define HEADINGS_LIMIT (RESULT_MOST * 25 / 100)
#define LINKS_LIMIT (RESULT_MOST * 50 / 100)
#define IMAGES_LIMIT (RESULT_MOST * 75 / 100)
#define CODE_LIMIT (RESULT_MOST * 85 / 100)
#define FRONT_LIMIT (RESULT_MOST - 1024)

struct language {
	char name[LANGUAGE_MOST + 1]; /* "": none is named */
	int64_t blocks, lines;
};

struct metadata {
	const struct document *document;
	struct text_counts counts;
	struct prose prose;
	cmark_node *h1; /* the first one */
	struct language languages[LANGUAGES];
	size_t language_count;
	int64_t other_blocks; /* of languages beyond */
	bool failed;
};

/* ---- one pass that counts ---- */

static size_t language_size(const char *info)
{
	size_t n = strcspn(info, " \t{,:");
	return text_cut(info, n, LANGUAGE_MOST);
}

static struct language *find_language(struct metadata *m, const char *info)
{
	size_t n = language_size(info);
	for (size_t i = 0; i < m->language_count; i++)
		if (strlen(m->languages[i].name) == n && memcmp(m->languages[i].name, info, n) == 0)
			return &m->languages[i];
	if (m->language_count == LANGUAGES)
		return NULL;
	struct language *l = &m->languages[m->language_count++];
	memcpy(l->name, info, n);
	return l;
}

static void count_code(struct metadata *m, cmark_node *node)
{
	const char *info = cmark_node_get_fence_info(node);
	struct language *l = find_language(m, info ? info : "");
	if (!l) {
		m->other_blocks++;
		return;
	}
	l->blocks++;
	for (const char *c = cmark_node_get_literal(node); (c = strchr(c, '\n')); c++)
		l->lines++;
}

static void count_node(struct metadata *m, cmark_node *node)
{
	if (cmark_node_get_type(node) == CMARK_NODE_CODE_BLOCK)
		count_code(m, node);
	if (!has_prose(node))
		return;
	prose_read(&m->prose, m->document, node, false);
	m->failed |= text_count(m->prose.text.data, m->prose.text.size, &m->counts) < 0;
	if (!m->h1 && cmark_node_get_heading_level(node) == 1)
		m->h1 = node;
}

/* ---- elements of lists ---- */

static void add_shown(struct out *out, const char *key, const char *text, size_t n, size_t most)
{
	out_text(out, key, text ? text : "", text ? text_cut(text, n, most) : 0);
}

static void add_prose(struct metadata *m, struct out *out, const char *key, cmark_node *node)
{
	prose_read(&m->prose, m->document, node, false);
	add_shown(out, key, m->prose.text.data, m->prose.text.size, TEXT_MOST);
	out->failed |= m->prose.text.failed;
}

static void add_heading(struct metadata *m, struct out *out, cmark_node *node)
{
	out_count(out, "level", cmark_node_get_heading_level(node));
	add_prose(m, out, "text", node);
}

static void add_url(struct out *out, cmark_node *node)
{
	const char *url = cmark_node_get_url(node);
	add_shown(out, "url", url, strlen(url), URL_MOST);
}

static void add_link(struct metadata *m, struct out *out, cmark_node *node)
{
	add_url(out, node);
	add_prose(m, out, "text", node);
}

static void add_image(struct metadata *m, struct out *out, cmark_node *node)
{
	add_url(out, node);
	add_prose(m, out, "alt", node);
}

static struct list {
	const char *name;
	cmark_node_type type;
	size_t limit;
	void (*add)(struct metadata *m, struct out *out, cmark_node *node);
} const lists[] = {
	{"headings", CMARK_NODE_HEADING, HEADINGS_LIMIT, add_heading},
	{"links", CMARK_NODE_LINK, LINKS_LIMIT, add_link},
	{"images", CMARK_NODE_IMAGE, IMAGES_LIMIT, add_image},
};

#define LISTS (sizeof lists / sizeof *lists)

static void add_element(struct metadata *m, const struct list *list, struct out *out,
			cmark_node *node)
{
	out_open(out, NULL, '{');
	list->add(m, out, node);
	out_count(out, "line", document_line(m->document, node));
	out_close(out, '}');
}

/* Calls each with every node; the lists are written one after the other. */
static int64_t write_list(struct metadata *m, const struct list *list, struct out *out)
{
	struct out_list kept = {.limit = list->limit};
	cmark_iter *it = cmark_iter_new(m->document->root);
	out_open(out, list->name, '[');
	for (cmark_event_type e; (e = cmark_iter_next(it)) != CMARK_EVENT_DONE;) {
		cmark_node *node = cmark_iter_get_node(it);
		if (e != CMARK_EVENT_ENTER || cmark_node_get_type(node) != list->type)
			continue;
		if (kept.left_out > 0) { /* a list is cut at one place */
			kept.left_out++;
			continue;
		}
		out_begin(out, &kept);
		add_element(m, list, out, node);
		out_keep(out, &kept);
	}
	cmark_iter_free(it);
	out_close(out, ']');
	return kept.left_out;
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

/* ---- the whole ---- */

static void write_title(struct metadata *m, const struct front *front, struct out *out)
{
	if (front->title)
		add_shown(out, "title", front->title, front->title_size, TEXT_MOST);
	else if (m->h1)
		add_prose(m, out, "title", m->h1);
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
	bool any = false;
	for (size_t i = 0; i < LISTS + 2; i++)
		any |= left_out[i] > 0;
	if (!any)
		return;
	out_open(out, "left_out", '{');
	for (size_t i = 0; i < LISTS + 2; i++)
		if (left_out[i] > 0)
			out_count(out,
				  i < LISTS    ? lists[i].name
				  : i == LISTS ? "code_blocks"
					       : "front_matter",
				  left_out[i]);
	out_close(out, '}');
}

int metadata_write(const struct document *d, const struct front *front, struct out *result)
{
	struct metadata m = {.document = d};
	int64_t left_out[LISTS + 2] = {0};
	cmark_iter *it = cmark_iter_new(d->root);
	for (cmark_event_type e; (e = cmark_iter_next(it)) != CMARK_EVENT_DONE;)
		if (e == CMARK_EVENT_ENTER)
			count_node(&m, cmark_iter_get_node(it));
	cmark_iter_free(it);
	out_open(result, NULL, '{');
	write_title(&m, front, result);
	write_counts(&m, result);
	for (size_t i = 0; i < LISTS; i++)
		left_out[i] = write_list(&m, &lists[i], result);
	left_out[LISTS] = write_code(&m, result);
	left_out[LISTS + 1] = !write_front(front, result);
	write_left_out(left_out, result);
	out_close(result, '}');
	out_end(result);
	result->failed |= m.failed || m.prose.text.failed;
	prose_release(&m.prose);
	return result->failed ? -1 : 0;
}
