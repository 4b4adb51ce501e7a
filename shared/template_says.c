/* Whether a template finds anything in an item that it could ask about. */
#include <string.h>

#include "template_parts.h"
#include "weir/kind.h"
#include "weir/null_mark.h"

struct use {
	const struct template *template;
	const struct weir_item *item;
	const struct weir_field *fields; /* of the kind; NULL: not told */
	size_t chief, aside;		 /* places of the payload */
	bool chief_says, aside_says;
};

/* "title", or "input.title": the field of the kind that a place shows; else "". */
static const char *field_of(const struct piece *p)
{
	if (p->names == 2 && strcmp(p->path, "input") == 0)
		return p->path + strlen(p->path) + 1;
	return p->names == 1 ? p->path : "";
}

static bool is_of_results(const struct piece *p, const struct weir_item *item)
{
	return item->stage > 1 && p->names > 0 && strcmp(p->path, "results") == 0;
}

static bool is_aside(const struct use *u, const struct piece *p)
{
	const char *name = field_of(p);
	for (const struct weir_field *f = u->fields; f && f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f->need == WEIR_ASIDE;
	return false;
}

/* The map that has the last name of the path; NULL: there is none. */
static const struct weir_map *find_map(const struct piece *p, const struct weir_map *map,
				       const char **last)
{
	*last = p->path;
	for (size_t i = 1; i < p->names; i++, *last += strlen(*last) + 1)
		if (map_map(map, *last, &map) < 0)
			return NULL;
	return map;
}

static bool says(const struct piece *p, const struct weir_item *item)
{
	const char *name;
	if (p->names == 0)
		return map_says(item->payload, NULL);
	const struct weir_map *map = find_map(p, item->payload, &name);
	struct weir_text text;
	if (map && map_text(map, name, &text) == 0 && null_mark_is(text.data, text.size))
		return false;
	return is_of_results(p, item) || (map && map_says(map, name));
}

/* As rendering will want it. */
static bool is_there(const struct piece *p, const struct weir_item *item)
{
	const char *name;
	if (p->names == 0 || is_of_results(p, item))
		return true;
	const struct weir_map *map = find_map(p, item->payload, &name);
	return map && map_type(map, name) != 0;
}

static int look(struct use *u, const struct piece_list *pieces, struct weir_error *err)
{
	for (size_t i = 0; i < pieces->count; i++) {
		const struct piece *p = &pieces->list[i];
		if (p->source != PLACE_PAYLOAD)
			continue;
		if (!p->optional && !is_there(p, u->item))
			return place_fail(u->template, p, err);
		bool aside = is_aside(u, p), something = says(p, u->item);
		u->aside += aside;
		u->chief += !aside;
		u->aside_says = u->aside_says || (aside && something);
		u->chief_says = u->chief_says || (!aside && something);
	}
	return 0;
}

/* ---- telling ---- */

/* Those that should have said something. */
static void list_places(struct buffer *out, const struct use *u, const struct piece_list *pieces)
{
	for (size_t i = 0; i < pieces->count; i++) {
		const struct piece *p = &pieces->list[i];
		bool of_input = p->names == 2 && strcmp(p->path, "input") == 0;
		if (p->source != PLACE_PAYLOAD || is_aside(u, p) != (u->chief == 0) ||
		    (u->item->stage == 1 && of_input))
			continue;
		buffer_add_text(out, out->size > 0 ? ", " : "");
		place_path(p, out);
	}
}

static int fail(const struct use *u, struct weir_error *err)
{
	const struct template *t = u->template;
	struct buffer reads = BUFFER_INIT, there = BUFFER_INIT;
	list_places(&reads, u, &t->system);
	list_places(&reads, u, &t->user);
	kind_list_keys(&there, kind_input(u->item));
	weir_fail(
		err, "bad_payload",
		"it has nothing to ask about: of what the template %s reads (%s) at least one has "
		"to say something; there is: %s",
		t->name, buffer_text(&reads) ? reads.data : "",
		buffer_text(&there) ? there.data : "");
	buffer_release(&reads);
	buffer_release(&there);
	return -1;
}

int template_check_payload(const struct template *t, const struct weir_item *item,
			   const struct weir_field *fields, struct weir_error *err)
{
	struct use u = {.template = t, .item = item, .fields = fields};
	if (look(&u, &t->system, err) < 0 || look(&u, &t->user, err) < 0)
		return -1;
	if (u.chief > 0 ? u.chief_says : u.aside == 0 || u.aside_says)
		return 0;
	return fail(&u, err);
}
