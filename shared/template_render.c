#include <stdlib.h>
#include <string.h>

#include "template_parts.h"
#include "weir/utf8.h"

/* ---- cutting a text at its placeholders ---- */

void pieces_release(struct piece_list *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->list[i].path);
	free(p->list);
	free(p->text);
	*p = (struct piece_list){.count = 0};
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct weir_text text_trim(struct weir_text text)
{
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && is_blank(*text.data)) {
		text.data++;
		text.size--;
	}
	return text;
}

static int fail_place(struct weir_text place, const char *why, struct weir_error *err)
{
	return weir_fail(err, "bad_template", "{{%.*s}}: %s",
			 place.size < 80 ? (int)place.size : 80, place.data, why);
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Each dot becomes a NUL; every name between them has something in it. */
static int split_path(struct weir_text place, char *path, size_t *names)
{
	bool begun = false;

	*names = 0;
	for (char *c = path; *c != '\0' || begun; c++) {
		if (is_name_char(*c)) {
			begun = true;
			continue;
		}
		if (!begun || (*c != '.' && *c != '\0'))
			return -1;
		++*names;
		begun = false;
		if (*c == '\0')
			return 0;
		*c = '\0';
		if (c + 1 == path + place.size)
			return -1;
	}
	return -1;
}

/* The first name says where the value is from. */
static int choose_source(struct piece *p, struct weir_text place, struct weir_error *err)
{
	p->source = PLACE_PAYLOAD;
	if (strcmp(p->path, "payload") == 0) {
		if (p->names > 1)
			return fail_place(
				place, "paths begin in the payload: leave \"payload.\" out", err);
		p->names = 0;
	} else if (strcmp(p->path, "custom_instructions") == 0 && p->names == 1) {
		p->source = PLACE_CONTEXT;
	} else if (strcmp(p->path, "context") == 0) {
		if (p->names == 1)
			return fail_place(place, "context.NAME is wanted", err);
		memmove(p->path, p->path + 8, place.size + 1 - 8);
		p->names--;
		p->source = PLACE_CONTEXT;
	}
	return 0;
}

/* place: what stands between the braces. */
static int parse_place(struct weir_text place, struct piece *p, struct weir_error *err)
{
	place = text_trim(place);
	p->optional = place.size > 0 && place.data[place.size - 1] == '?';
	place.size -= p->optional;
	place = text_trim(place);
	p->path = strndup(place.size > 0 ? place.data : "", place.size);
	if (p->path == NULL)
		return weir_fail_memory(err);
	if (split_path(place, p->path, &p->names) < 0)
		return fail_place(place, "a path of names between dots is wanted", err);
	if (p->names > PLACE_DEPTH_MAX)
		return fail_place(place, "too many names", err);
	return choose_source(p, place, err);
}

static size_t count_places(const char *text)
{
	size_t count = 0;

	for (; (text = strstr(text, "{{")) != NULL; text += 2)
		count++;
	return count;
}

static int cut(struct piece_list *p, struct weir_error *err)
{
	const char *at = p->text, *open;

	while ((open = strstr(at, "{{")) != NULL) {
		const char *close = strstr(open, "}}");
		struct piece *piece = &p->list[p->count++];

		if (close == NULL)
			return weir_fail(err, "bad_template", "%.40s: there is no }} behind it",
					 open);
		piece->text = (struct weir_text){at, (size_t)(open - at)};
		if (parse_place((struct weir_text){open + 2, (size_t)(close - open - 2)}, piece,
				err) < 0)
			return -1;
		at = close + 2;
	}
	p->list[p->count++].text = (struct weir_text){at, strlen(at)};
	return 0;
}

int pieces_parse(const char *text, struct piece_list *out, struct weir_error *err)
{
	struct weir_text own = text_trim((struct weir_text){text, strlen(text)});

	out->text = strndup(own.data, own.size);
	out->list =
		out->text != NULL ? calloc(count_places(out->text) + 1, sizeof(*out->list)) : NULL;
	if (out->list == NULL)
		return weir_fail_memory(err);
	return cut(out, err);
}

/* ---- putting values in ---- */

void prompt_release(struct prompt *p)
{
	buffer_release(&p->system);
	buffer_release(&p->user);
	*p = (struct prompt){.max_tokens = 0};
}

void place_path(const struct piece *p, struct buffer *out)
{
	const char *name = p->path;

	buffer_add_text(out, p->source == PLACE_CONTEXT ? "context." : "");
	buffer_add_text(out, p->names == 0 ? "payload" : "");
	for (size_t i = 0; i < p->names; i++, name += strlen(name) + 1) {
		buffer_add_text(out, i > 0 ? "." : "");
		buffer_add_text(out, name);
	}
}

int place_fail(const struct template *t, const struct piece *p, struct weir_error *err)
{
	struct buffer path = BUFFER_INIT;
	int rc;

	place_path(p, &path);
	rc = weir_fail(err, "bad_payload",
		       "the template %s needs %s, and it is not there, or blank", t->name,
		       buffer_text(&path) != NULL ? path.data : "a value");
	buffer_release(&path);
	return rc;
}

/* 0, or -1 when it is not there, or a text of the payload that says nothing. */
static int put_value(const struct piece *p, const struct weir_item *item, struct buffer *out)
{
	const struct weir_map *map = p->source == PLACE_CONTEXT ? item->context : item->payload;
	const char *name = p->path;
	struct weir_text text;

	if (p->names == 0)
		return map_json(out, map, NULL);
	for (size_t i = 1; i < p->names; i++, name += strlen(name) + 1)
		if (map_map(map, name, &map) < 0)
			return -1;
	if (map_text(map, name, &text) < 0)
		return map_json(out, map, name);
	buffer_add(out, text.data, text.size);
	return p->source == PLACE_PAYLOAD && utf8_is_blank(text.data, text.size) ? -1 : 0;
}

static int render(const struct template *t, const struct piece_list *pieces,
		  const struct weir_item *item, struct buffer *out, struct weir_error *err)
{
	for (size_t i = 0; i < pieces->count && out->size <= PROMPT_MAX; i++) {
		const struct piece *p = &pieces->list[i];

		buffer_add(out, p->text.data, p->text.size);
		if (p->source != PLACE_NONE && put_value(p, item, out) < 0 && !p->optional)
			return place_fail(t, p, err);
	}
	return 0;
}

/* An optional value at the end may have left blanks. */
static void cut_blanks(struct buffer *b)
{
	while (b->size > 0 && is_blank(b->data[b->size - 1]))
		b->size--;
}

static void add_schema(const struct template *t, struct buffer *out)
{
	cut_blanks(out);
	buffer_add_text(out, out->size > 0 ? "\n\n" : "");
	buffer_add_text(out,
			"Answer with one JSON object and nothing else. It has to fit this JSON "
			"Schema:\n");
	buffer_add_text(out, t->schema);
}

int template_render(const struct template *t, const struct weir_item *item, struct prompt *out,
		    struct weir_error *err)
{
	buffer_reset(&out->system);
	buffer_reset(&out->user);
	if (render(t, &t->system, item, &out->system, err) < 0 ||
	    render(t, &t->user, item, &out->user, err) < 0)
		return -1;
	add_schema(t, &out->system);
	cut_blanks(&out->user);
	out->max_tokens = t->max_tokens;
	out->name = t->name;
	out->strict = t->strict != NULL;
	out->schema = out->strict ? t->strict : t->schema;
	if (buffer_failed(&out->system) || buffer_failed(&out->user))
		return weir_fail_memory(err);
	if (out->system.size + out->user.size > PROMPT_MAX)
		return weir_fail(err, "oversized",
				 "the prompt has %zu bytes or more, the most is %d",
				 out->system.size + out->user.size, PROMPT_MAX);
	return 0;
}
