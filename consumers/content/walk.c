/* From cmark's tree to prose and elements. Markdown's elements end where they began; those of HTML
 * may be open from one block to the next, since a blank line ends a block of HTML. */
#include <stdlib.h>
#include <string.h>

#include "attributes.h"
#include "document.h"
#include "html.h"
#include "place.h"

enum {
	SAVED_MOST = 4096, /* bytes of an HTML element's text from blocks before */
	ENTITY_MOST = 40   /* bytes */
};

/* An HTML heading or link that is open. */
struct pending {
	bool open;
	int level;
	int64_t line;
	size_t from, pictures; /* in the block at hand */
	struct out text, url;  /* of the blocks before; NUL-terminated */
};

/* A Markdown link or image that is open. */
struct opened {
	size_t from, pictures;
	int64_t line;
};

struct walk {
	const struct document *d;
	const struct visitor *v;
	struct place place;
	struct prose prose;
	struct pending heading, link;
	struct opened *stack;
	size_t depth, room;
	size_t pictures;       /* images and tags so far: what a link may have for a text */
	size_t code_end;       /* of the inline code that came last, in the prose */
	int in_links, in_code; /* that are open here */
	const char *skipped;   /* the tag whose content is no prose; NULL: none */
	bool failed;
};

/* ---- prose ---- */

static void mark(struct walk *w, int64_t line)
{
	struct prose *p = &w->prose;
	if (p->count > 0 && p->marks[p->count - 1].line == line)
		return;
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct prose_mark *marks = realloc(p->marks, room * sizeof *marks);
		w->failed |= !marks;
		if (!marks)
			return;
		p->marks = marks;
		p->room = room;
	}
	p->marks[p->count++] = (struct prose_mark){p->text.size, line};
}

static void add(struct walk *w, const char *text, size_t n, int64_t line)
{
	if (n == 0)
		return;
	mark(w, line);
	out_add(&w->prose.text, text, n);
}

static void give_element(struct walk *w, const struct element *e)
{
	if (w->v->element)
		w->v->element(w->v->context, e);
}

static bool is_blank(const char *text, size_t n)
{
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) && text[n - 1])
		n--;
	return n == 0;
}

static void trim(const char **text, size_t *n)
{
	while (*n > 0 && is_blank(*text + *n - 1, 1))
		--*n;
	for (; *n > 0 && is_blank(*text, 1); --*n)
		++*text;
}

/* ---- HTML elements that are open ---- */

static void save(struct walk *w, struct pending *p)
{
	size_t n = w->prose.text.size - p->from;
	if (!p->open)
		return;
	if (p->text.size < SAVED_MOST)
		out_add(&p->text, w->prose.text.data + p->from, n < SAVED_MOST ? n : SAVED_MOST);
	out_add(&p->text, " ", 1);
	p->from = 0;
}

static void close_pending(struct walk *w, struct pending *p, enum part part)
{
	if (!p->open)
		return;
	save(w, p);
	const char *text = p->text.data;
	size_t n = p->text.size;
	p->open = false;
	w->failed |= p->text.failed || p->url.failed;
	w->in_links -= part == PART_LINK;
	if (w->failed)
		return;
	trim(&text, &n);
	give_element(w, &(struct element){.part = part,
					  .level = p->level,
					  .line = p->line,
					  .url = part == PART_LINK ? p->url.data : NULL,
					  .text = text,
					  .size = n,
					  .tells = n > 0 || w->pictures > p->pictures});
}

static void open_pending(struct walk *w, struct pending *p, enum part part, int level, int64_t line)
{
	close_pending(w, p, part);
	p->open = true;
	p->level = level;
	p->line = line;
	p->from = w->prose.text.size;
	p->pictures = w->pictures;
	p->text.size = p->url.size = 0;
	w->in_links += part == PART_LINK;
}

/* The end of a block of prose. */
static void flush(struct walk *w)
{
	save(w, &w->heading);
	save(w, &w->link);
	w->failed |= w->prose.text.failed;
	if (w->prose.text.size > 0 && !w->failed && w->v->prose)
		w->v->prose(w->v->context, &w->prose);
	w->prose.text.size = w->prose.count = 0;
	w->code_end = 0;
}

/* ---- text of HTML ---- */

/* What an entity says, as cmark knows it, else itself. */
static void add_entity(struct out *out, const char *text, size_t n)
{
	cmark_node *root = cmark_parse_document(text, n, CMARK_OPT_DEFAULT);
	cmark_node *paragraph = root ? cmark_node_first_child(root) : NULL;
	cmark_node *says = paragraph ? cmark_node_first_child(paragraph) : NULL;
	const char *literal = says ? cmark_node_get_literal(says) : NULL;
	if (literal)
		out_string(out, literal);
	else
		out_add(out, text, n);
	cmark_node_free(root);
}

static size_t entity_size(const char *text, size_t n)
{
	size_t size = 1;
	while (size < n && size < ENTITY_MOST &&
	       ((text[size] >= '0' && text[size] <= '9') ||
		((text[size] | 0x20) >= 'a' && (text[size] | 0x20) <= 'z') || text[size] == '#'))
		size++;
	return size > 1 && size < n && text[size] == ';' ? size + 1 : 0;
}

/* Entities are what they say. */
static void unescape(struct out *out, const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		const char *mark_at = memchr(text + at, '&', n - at);
		size_t stop = mark_at ? (size_t)(mark_at - text) : n;
		size_t size = stop < n ? entity_size(text + stop, n - stop) : 0;
		out_add(out, text + at, stop - at);
		if (size > 0)
			add_entity(out, text + stop, size);
		else if (stop < n)
			out_add(out, "&", 1);
		at = stop + (size > 0 ? size : 1);
	}
}

static int lines_in(const char *text, const char *end)
{
	int lines = 0;
	for (; text < end; text++)
		lines += *text == '\n' || (*text == '\r' && (text + 1 == end || text[1] != '\n'));
	return lines;
}

/* A line of a block of HTML at a time. */
static void add_html_text(struct walk *w, const char *text, size_t n, int64_t line)
{
	struct out says = OUT_INIT;
	for (size_t at = 0, end; at < n; at = end + 1, line++) {
		const char *stop = memchr(text + at, '\n', n - at);
		end = stop ? (size_t)(stop - text) : n;
		says.size = 0;
		unescape(&says, text + at, end - at);
		out_add(&says, "", 1);
		w->failed |= says.failed;
		if (says.failed)
			break;
		add(w, says.data, says.size - 1, line);
		if (w->v->text && w->in_links == 0 && w->in_code == 0)
			w->v->text(w->v->context, says.data, line);
		if (stop)
			out_add(&w->prose.text, " ", w->prose.text.size > 0);
	}
	out_release(&says);
}

/* ---- tags ---- */

enum role { BREAKS, FLOWS, CODES, SKIPS };

/* All others end a word, and most of them a line. */
static const struct {
	const char *name;
	enum role role;
} roles[] = {
	{"b", FLOWS},	     {"i", FLOWS},     {"em", FLOWS},	    {"strong", FLOWS},
	{"u", FLOWS},	     {"s", FLOWS},     {"del", FLOWS},	    {"ins", FLOWS},
	{"mark", FLOWS},     {"small", FLOWS}, {"big", FLOWS},	    {"sub", FLOWS},
	{"sup", FLOWS},	     {"font", FLOWS},  {"span", FLOWS},	    {"abbr", FLOWS},
	{"cite", FLOWS},     {"q", FLOWS},     {"dfn", FLOWS},	    {"bdi", FLOWS},
	{"bdo", FLOWS},	     {"wbr", FLOWS},   {"strike", FLOWS},   {"time", FLOWS},
	{"a", FLOWS},	     {"code", CODES},  {"kbd", CODES},	    {"samp", CODES},
	{"var", CODES},	     {"tt", CODES},    {"script", SKIPS},   {"style", SKIPS},
	{"pre", SKIPS},	     {"svg", SKIPS},   {"textarea", SKIPS}, {"math", SKIPS},
	{"template", SKIPS},
};

static const char *find_role(const struct html *h, enum role *role)
{
	*role = BREAKS;
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (html_is(h, roles[i].name)) {
			*role = roles[i].role;
			return roles[i].name;
		}
	return NULL;
}

static int heading_level(const struct html *h)
{
	bool is = h->name_size == 2 && (h->text[0] | 0x20) == 'h' && h->text[1] >= '1' &&
		  h->text[1] <= '6';
	return is ? h->text[1] - '0' : 0;
}

static void add_url(struct walk *w, struct out *out, const char *text, size_t n)
{
	trim(&text, &n);
	unescape(out, text, n);
	out_add(out, "", 1);
	w->failed |= out->failed;
}

static void take_image(struct walk *w, const struct html *h, int64_t line)
{
	struct out url = OUT_INIT, alt = OUT_INIT;
	const char *text = NULL, *any;
	size_t n = 0, any_size;
	html_attribute(h, "src", &text, &n);
	add_url(w, &url, text ? text : "", n);
	bool needs = !html_attribute(h, "alt", &text, &n);
	unescape(&alt, text ? text : "", needs ? 0 : n);
	needs &= !(html_attribute(h, "aria-hidden", &any, &any_size) && any_size == 4);
	w->failed |= alt.failed;
	w->pictures++;
	add(w, alt.data, alt.size, line);
	if (!w->failed)
		give_element(w, &(struct element){.part = PART_IMAGE,
						  .line = line,
						  .url = url.data,
						  .text = alt.data ? alt.data : "",
						  .size = alt.size,
						  .tells = !needs});
	out_release(&url);
	out_release(&alt);
}

static void open_tag(struct walk *w, const struct html *h, int64_t line)
{
	const char *text;
	size_t n;
	if (heading_level(h))
		open_pending(w, &w->heading, PART_HEADING, heading_level(h), line);
	if (html_is(h, "a") && html_attribute(h, "href", &text, &n)) {
		open_pending(w, &w->link, PART_LINK, 0, line);
		add_url(w, &w->link.url, text ? text : "", n);
	}
	if (html_is(h, "img"))
		take_image(w, h, line);
	else if (!html_is(h, "a"))
		w->pictures++;
}

static void close_tag(struct walk *w, const struct html *h)
{
	if (heading_level(h))
		close_pending(w, &w->heading, PART_HEADING);
	if (html_is(h, "a"))
		close_pending(w, &w->link, PART_LINK);
}

static void take_tag(struct walk *w, const struct html *h, bool opens, int64_t line)
{
	enum role role;
	const char *name = find_role(h, &role);
	bool whole = h->size > 0 && h->text[h->size - 1] == '/';
	if (w->skipped) {
		if (!opens && name == w->skipped)
			w->skipped = NULL;
		return;
	}
	if (role == BREAKS && w->prose.text.size > 0)
		out_add(&w->prose.text, " ", 1);
	if (role == CODES && !whole)
		w->in_code += opens ? 1 : w->in_code > 0 ? -1 : 0;
	if (role == SKIPS && opens && !whole)
		w->skipped = name;
	if (opens)
		open_tag(w, h, line);
	else
		close_tag(w, h);
}

static void take_html(struct walk *w, const char *literal, int64_t line)
{
	struct html h = {.at = literal, .end = literal + strlen(literal)};
	const char *at = literal;
	for (enum html_token t; (t = html_next(&h)) != HTML_END;) {
		line += lines_in(at, h.text);
		at = h.text;
		if (t != HTML_TEXT)
			take_tag(w, &h, t == HTML_OPEN, line);
		else if (!w->skipped)
			add_html_text(w, h.text, h.size, line);
	}
}

/* ---- inline nodes ---- */

static bool is_break(cmark_node *node)
{
	cmark_node_type type = node ? cmark_node_get_type(node) : CMARK_NODE_NONE;
	return !node || type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK;
}

static bool takes_attributes(cmark_node *node)
{
	cmark_node_type type = node ? cmark_node_get_type(node) : CMARK_NODE_NONE;
	return type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE || type == CMARK_NODE_CODE;
}

/* How many bytes at its beginning are attributes, of what stands before, or of its block. */
static size_t attributes_in(cmark_node *node, const char *text, size_t n)
{
	size_t blanks = strspn(text, " \t"), size;
	if (takes_attributes(cmark_node_previous(node)))
		return attributes_size(text, n);
	if (!is_break(cmark_node_previous(node)) || !is_break(cmark_node_next(node)) ||
	    cmark_node_get_type(cmark_node_parent(node)) != CMARK_NODE_PARAGRAPH)
		return 0;
	size = attributes_size(text + blanks, n - blanks);
	return size > 0 && is_blank(text + blanks + size, n - blanks - size) ? n : 0;
}

static void take_text(struct walk *w, cmark_node *node, int64_t line)
{
	const char *text = cmark_node_get_literal(node);
	size_t n = strlen(text);
	if (w->skipped)
		return;
	size_t skipped = attributes_in(node, text, n);
	add(w, text + skipped, n - skipped, line);
	if (w->v->text && w->in_links == 0 && w->in_code == 0)
		w->v->text(w->v->context, text + skipped, line);
}

static void open_markdown(struct walk *w, int64_t line)
{
	if (w->depth == w->room) {
		size_t room = w->room ? 2 * w->room : 16;
		struct opened *stack = realloc(w->stack, room * sizeof *stack);
		w->failed |= !stack;
		if (!stack)
			return;
		w->stack = stack;
		w->room = room;
	}
	w->stack[w->depth++] = (struct opened){w->prose.text.size, w->pictures, line};
}

static void close_markdown(struct walk *w, cmark_node *node, enum part part)
{
	if (w->failed || w->depth == 0)
		return;
	const struct opened *o = &w->stack[--w->depth];
	const char *text = w->prose.text.data ? w->prose.text.data + o->from : "";
	size_t n = w->prose.text.size - o->from;
	give_element(w,
		     &(struct element){.part = part,
				       .line = o->line,
				       .url = cmark_node_get_url(node),
				       .title = cmark_node_get_title(node),
				       .text = text,
				       .size = n,
				       .tells = !is_blank(text, n) ||
						(part == PART_LINK && w->pictures > o->pictures)});
	w->pictures += part == PART_IMAGE;
}

static void take_inline(struct walk *w, cmark_node *node, bool enters)
{
	cmark_node_type type = cmark_node_get_type(node);
	int64_t line = place_line(&w->place);
	const char *literal = cmark_node_get_literal(node);
	if (type == CMARK_NODE_TEXT) {
		take_text(w, node, line);
	} else if (type == CMARK_NODE_CODE) {
		add(w, literal, strlen(literal), line);
		w->code_end = w->prose.text.size;
	} else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK) {
		out_add(&w->prose.text, " ", 1);
	} else if (type == CMARK_NODE_HTML_INLINE) {
		take_html(w, literal, line);
	} else if (type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE) {
		w->in_links += type == CMARK_NODE_LINK ? (enters ? 1 : -1) : 0;
		if (enters)
			open_markdown(w, line);
		else
			close_markdown(w, node, type == CMARK_NODE_LINK ? PART_LINK : PART_IMAGE);
	}
	place_pass(&w->place, node, !enters);
}

/* ---- blocks ---- */

static void begin_block(struct walk *w, cmark_node *node)
{
	if (cmark_node_get_type(node) == CMARK_NODE_HEADING)
		close_pending(w, &w->heading, PART_HEADING);
	place_enter(&w->place, w->d, node);
	w->failed |= w->place.block.failed;
	w->in_code = 0;
	w->skipped = NULL;
	w->depth = 0;
}

static void end_heading(struct walk *w, cmark_node *node, int64_t line)
{
	struct out *text = &w->prose.text;
	size_t end = text->size > 0 ? attributes_behind(text->data, text->size) : 0;
	if (end >= w->code_end)
		text->size = end;
	const char *says = text->data ? text->data : "";
	size_t n = text->size;
	trim(&says, &n);
	give_element(w, &(struct element){.part = PART_HEADING,
					  .level = cmark_node_get_heading_level(node),
					  .line = line,
					  .text = says,
					  .size = n,
					  .tells = n > 0});
}

static void end_block(struct walk *w, cmark_node *node, int64_t line)
{
	close_pending(w, &w->link, PART_LINK); /* a paragraph's do not go on behind it */
	if (cmark_node_get_type(node) == CMARK_NODE_HEADING) {
		close_pending(w, &w->heading, PART_HEADING); /* its text may be cut off below */
		if (!w->failed)
			end_heading(w, node, line);
	}
	flush(w);
}

static int64_t line_of(const struct walk *w, cmark_node *node)
{
	return w->d->first_line + cmark_node_get_start_line(node) - 1;
}

static void take_html_block(struct walk *w, cmark_node *node)
{
	w->in_code = 0;
	w->skipped = NULL;
	take_html(w, cmark_node_get_literal(node), line_of(w, node));
	w->skipped = NULL;
	flush(w);
}

static void take_node(struct walk *w, cmark_node *node, bool enters, int64_t *block_line)
{
	switch (cmark_node_get_type(node)) {
	case CMARK_NODE_PARAGRAPH:
	case CMARK_NODE_HEADING:
		if (enters) {
			begin_block(w, node);
			*block_line = place_line(&w->place);
		} else {
			end_block(w, node, *block_line);
		}
		break;
	case CMARK_NODE_HTML_BLOCK:
		take_html_block(w, node);
		break;
	case CMARK_NODE_CODE_BLOCK:
		if (w->v->code)
			w->v->code(w->v->context, cmark_node_get_fence_info(node),
				   cmark_node_get_literal(node));
		break;
	default:
		if (cmark_node_get_type(node) >= CMARK_NODE_FIRST_INLINE)
			take_inline(w, node, enters);
	}
}

int document_walk(const struct document *d, const struct visitor *v)
{
	struct walk w = {.d = d, .v = v};
	cmark_iter *it = cmark_iter_new(d->root);
	int64_t line = 0;
	for (cmark_event_type e; !w.failed && (e = cmark_iter_next(it)) != CMARK_EVENT_DONE;)
		take_node(&w, cmark_iter_get_node(it), e == CMARK_EVENT_ENTER, &line);
	cmark_iter_free(it);
	close_pending(&w, &w.link, PART_LINK);
	close_pending(&w, &w.heading, PART_HEADING);
	place_release(&w.place);
	prose_release(&w.prose);
	out_release(&w.heading.text);
	out_release(&w.heading.url);
	out_release(&w.link.text);
	out_release(&w.link.url);
	free(w.stack);
	return w.failed ? -1 : 0;
}
