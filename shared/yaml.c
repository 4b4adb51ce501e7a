/* The documents are made from libyaml's events and not from its own document tree: so a text that
 * is too large is given up as it grows, and an alias costs what it stands for. */
#include "weir/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "yaml_node.h"

#define ANCHORS_MAX 1024

struct anchor {
	char *name;
	int node;
};

/* A map or list that is not closed yet: its children are on the stack from `first` on. */
struct level {
	int node;
	size_t first;
	char *anchor; /* NULL: none */
};

struct build {
	struct yaml *y;
	const char *name;
	int first_line;
	struct faults *faults;
	struct level levels[YAML_DEPTH_MAX];
	unsigned depth;
	struct buffer stack; /* of int: children of open levels */
	struct anchor anchors[ANCHORS_MAX];
	size_t anchor_count;
	bool over; /* the end of the text was reached */
};

static int line_of(const struct build *b, const yaml_mark_t *mark)
{
	return b->first_line + (int)mark->line;
}

static int fail_at(struct build *b, int line, const char *what)
{
	faults_add(b->faults, b->name, line, "%s", what);
	return -1;
}

static int fail_memory(struct build *b) { return fail_at(b, 0, "out of memory"); }

/* ---- nodes ---- */

static struct yaml_node *node_at(const struct yaml *y, int node)
{
	return (struct yaml_node *)(void *)y->nodes.data + node;
}

/* Returns its number, or -1. */
static int new_node(struct build *b, enum yaml_type type, int line)
{
	struct yaml_node made = {.type = type, .line = line, .total = 1};

	if (b->y->nodes.size / sizeof(made) == YAML_NODES_MAX)
		return fail_at(b, line, "too large");
	buffer_add(&b->y->nodes, &made, sizeof(made));
	if (buffer_failed(&b->y->nodes))
		return fail_memory(b);
	return (int)(b->y->nodes.size / sizeof(made)) - 1;
}

/* A node stands in its parent, once more if it is an alias. */
static int add_child(struct build *b, int node, int line)
{
	if (b->depth == 0) {
		b->y->root = node;
		return 0;
	}
	struct yaml_node *parent = node_at(b->y, b->levels[b->depth - 1].node);
	const struct yaml_node *child = node_at(b->y, node);

	parent->total += child->total;
	parent->bytes += child->bytes;
	if (parent->total > YAML_NODES_MAX || parent->bytes > YAML_BYTES_MAX)
		return fail_at(b, line, "too large, with what aliases repeat");
	if (child->height + b->depth > YAML_DEPTH_MAX)
		return fail_at(b, line, "too deep");
	buffer_add(&b->stack, &node, sizeof(node));
	return buffer_failed(&b->stack) ? fail_memory(b) : 0;
}

/* ---- anchors ---- */

static int set_anchor(struct build *b, const char *name, int node, int line)
{
	if (name == NULL)
		return 0;
	if (b->anchor_count == ANCHORS_MAX)
		return fail_at(b, line, "too many anchors");
	b->anchors[b->anchor_count].name = strdup(name);
	if (b->anchors[b->anchor_count].name == NULL)
		return fail_memory(b);
	b->anchors[b->anchor_count++].node = node;
	return 0;
}

/* The last of a name counts. One that is still open is not known, so nothing holds itself. */
static int take_alias(struct build *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	int line = line_of(b, &event->start_mark);

	for (size_t i = b->anchor_count; i-- > 0;)
		if (strcmp(b->anchors[i].name, name) == 0)
			return add_child(b, b->anchors[i].node, line);
	faults_add(b->faults, b->name, line, "*%.60s: there is no such anchor before it", name);
	return -1;
}

/* ---- events ---- */

static int check_tag(struct build *b, const yaml_char_t *tag, int line)
{
	return tag == NULL ? 0 : fail_at(b, line, "tags (!...) mean nothing here");
}

static int take_scalar(struct build *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	int line = line_of(b, &event->start_mark), node;

	if (check_tag(b, event->data.scalar.tag, line) < 0)
		return -1;
	if (memchr(text, '\0', size) != NULL)
		return fail_at(b, line, "a text must not hold U+0000");
	node = new_node(b, plain && yaml_is_null(text) ? YAML_NULL : YAML_TEXT, line);
	if (node < 0)
		return -1;
	node_at(b->y, node)->plain = plain;
	node_at(b->y, node)->first = b->y->texts.size;
	node_at(b->y, node)->bytes = size;
	buffer_add(&b->y->texts, text, size + 1);
	if (buffer_failed(&b->y->texts))
		return fail_memory(b);
	if (set_anchor(b, (const char *)event->data.scalar.anchor, node, line) < 0)
		return -1;
	return add_child(b, node, line);
}

static int open_level(struct build *b, enum yaml_type type, const yaml_char_t *anchor,
		      const yaml_char_t *tag, int line)
{
	struct level level = {.first = b->stack.size};

	if (check_tag(b, tag, line) < 0)
		return -1;
	if (b->depth == YAML_DEPTH_MAX)
		return fail_at(b, line, "too deep");
	level.node = new_node(b, type, line);
	if (level.node < 0)
		return -1;
	node_at(b->y, level.node)->height = 1;
	level.anchor = anchor != NULL ? strdup((const char *)anchor) : NULL;
	if (anchor != NULL && level.anchor == NULL)
		return fail_memory(b);
	b->levels[b->depth++] = level;
	return 0;
}

/* The children of the closed level move from the stack to where they stay. */
static int keep_children(struct build *b, const struct level *level)
{
	struct yaml_node *node = node_at(b->y, level->node);
	const int *children = (const int *)(void *)(b->stack.data + level->first);

	node->size =
		b->stack.size > level->first ? (b->stack.size - level->first) / sizeof(int) : 0;
	node->first = b->y->children.size / sizeof(int);
	for (size_t i = 0; i < node->size; i++) {
		unsigned height = node_at(b->y, children[i])->height + 1;

		if (height > node->height)
			node->height = height;
	}
	if (node->size > 0)
		buffer_add(&b->y->children, children, node->size * sizeof(int));
	b->stack.size = level->first;
	return buffer_failed(&b->y->children) ? fail_memory(b) : 0;
}

static int close_level(struct build *b)
{
	struct level level = b->levels[--b->depth];
	int line = node_at(b->y, level.node)->line;
	int rc = keep_children(b, &level);

	if (rc == 0)
		rc = set_anchor(b, level.anchor, level.node, line);
	free(level.anchor);
	return rc == 0 ? add_child(b, level.node, line) : -1;
}

static int take_event(struct build *b, const yaml_event_t *event)
{
	int line = line_of(b, &event->start_mark);

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return take_alias(b, event);
	case YAML_MAPPING_START_EVENT:
		return open_level(b, YAML_MAP, event->data.mapping_start.anchor,
				  event->data.mapping_start.tag, line);
	case YAML_SEQUENCE_START_EVENT:
		return open_level(b, YAML_LIST, event->data.sequence_start.anchor,
				  event->data.sequence_start.tag, line);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_level(b);
	case YAML_DOCUMENT_START_EVENT:
		return b->y->root >= 0 ? fail_at(b, line, "a second document begins here") : 0;
	case YAML_STREAM_END_EVENT:
		b->over = true;
		return 0;
	default:
		return 0;
	}
}

static int fail_syntax(struct build *b, const yaml_parser_t *parser)
{
	const char *problem = parser->problem != NULL ? parser->problem : "not YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		return fail_memory(b);
	if (parser->error == YAML_READER_ERROR) /* before there are lines */
		faults_add(b->faults, b->name, 0, "byte %zu: %s", parser->problem_offset, problem);
	else if (parser->context == NULL)
		fail_at(b, line_of(b, &parser->problem_mark), problem);
	else
		faults_add(b->faults, b->name, line_of(b, &parser->problem_mark),
			   "%s (%s of line %d)", problem, parser->context,
			   line_of(b, &parser->context_mark));
	return -1;
}

static int take_events(struct build *b, yaml_parser_t *parser)
{
	while (!b->over) {
		yaml_event_t event;
		int rc;

		if (!yaml_parser_parse(parser, &event))
			return fail_syntax(b, parser);
		rc = take_event(b, &event);
		yaml_event_delete(&event);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* ---- keys that stand twice ---- */

struct key {
	const char *text;
	int line;
};

/* Of the same text the upper one first. */
static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order != 0 ? order : x->line - y->line;
}

static int check_map(struct build *b, int map)
{
	size_t size = yaml_size(b->y, map), count = 0;
	struct key *keys = calloc(size + 1, sizeof(*keys));

	if (keys == NULL)
		return fail_memory(b);
	for (size_t i = 0; i < size; i++) {
		int key;

		(void)yaml_at(b->y, map, i, &key);
		keys[count].text = yaml_scalar(b->y, key);
		keys[count].line = yaml_line(b->y, key);
		count += keys[count].text != NULL;
	}
	qsort(keys, count, sizeof(*keys), by_text);
	for (size_t i = 1; i < count; i++)
		if (strcmp(keys[i - 1].text, keys[i].text) == 0)
			faults_add(b->faults, b->name, keys[i].line,
				   "\"%.60s\" stands twice, on line %d as well", keys[i].text,
				   keys[i - 1].line);
	free(keys);
	return 0;
}

static int check_keys(struct build *b)
{
	size_t before = b->faults->count;
	int count = (int)(b->y->nodes.size / sizeof(struct yaml_node));

	for (int i = 0; i < count; i++)
		if (node_at(b->y, i)->type == YAML_MAP && check_map(b, i) < 0)
			return -1;
	return b->faults->count > before ? -1 : 0;
}

/* ---- from the text ---- */

static int build(struct build *b, const char *text, size_t size)
{
	yaml_parser_t parser;
	int rc;

	if (!yaml_parser_initialize(&parser))
		return fail_memory(b);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	rc = take_events(b, &parser);
	yaml_parser_delete(&parser);
	return rc == 0 ? check_keys(b) : -1;
}

static void build_release(struct build *b)
{
	while (b->depth > 0)
		free(b->levels[--b->depth].anchor);
	while (b->anchor_count > 0)
		free(b->anchors[--b->anchor_count].name);
	buffer_release(&b->stack);
	free(b);
}

static int parse(const char *text, size_t size, const char *name, int line, struct yaml *y,
		 struct faults *f)
{
	struct build *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL) {
		faults_add(f, name, 0, "out of memory");
		return -1;
	}
	b->y = y;
	b->name = name;
	b->first_line = line;
	b->faults = f;
	rc = build(b, text, size);
	build_release(b);
	return rc;
}

int yaml_parse(const char *text, size_t size, const char *name, int line, struct yaml **out,
	       struct faults *f)
{
	struct yaml *y = calloc(1, sizeof(*y));

	if (size > YAML_FILE_MAX) {
		faults_add(f, name, 0, "%zu bytes, the most is %d", size, YAML_FILE_MAX);
		free(y);
		return -1;
	}
	if (y == NULL) {
		faults_add(f, name, 0, "out of memory");
		return -1;
	}
	y->root = -1;
	if (parse(text, size, name, line, y, f) < 0) {
		yaml_close(y);
		return -1;
	}
	*out = y;
	return 0;
}

void yaml_close(struct yaml *y)
{
	if (y == NULL)
		return;
	buffer_release(&y->nodes);
	buffer_release(&y->children);
	buffer_release(&y->texts);
	free(y);
}

/* ---- from a file ---- */

/* Up to one byte more than may be. Not from a pipe or a device, which might keep us waiting. */
static int read_all(int fd, const char *path, struct buffer *out, struct faults *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		faults_add(f, path, 0, "not a file");
		return -1;
	}
	while (out->size <= YAML_FILE_MAX) {
		char *to = buffer_reserve(out, 65536);
		ssize_t n = to != NULL ? read(fd, to, 65536) : -1;

		if (n < 0) {
			faults_add(f, path, 0, "%s",
				   to != NULL ? strerror(errno) : "out of memory");
			return -1;
		}
		if (n == 0)
			return 0;
		out->size += (size_t)n;
	}
	return 0;
}

int yaml_read(const char *path, struct yaml **out, struct faults *f)
{
	struct buffer text = BUFFER_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0) {
		faults_add(f, path, 0, "%s", strerror(errno));
		return -1;
	}
	rc = read_all(fd, path, &text, f);
	close(fd);
	if (rc == 0)
		rc = yaml_parse(text.size > 0 ? text.data : "", text.size, path, 1, out, f);
	buffer_release(&text);
	return rc;
}
