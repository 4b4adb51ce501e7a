#include "weir/kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/nearest.h"
#include "weir/null_mark.h"

#define KEYS_SHOWN 12
#define KEY_SHOWN 40 /* bytes */

static bool text_is(struct weir_text text, const char *word)
{
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

const struct weir_map *kind_input(const struct weir_item *item)
{
	const struct weir_map *input;
	if (item->stage > 1 && map_map(item->payload, "input", &input) == 0)
		return input;
	return item->payload;
}

bool kind_is_key(const struct weir_field *field) { return !strpbrk(field->name, ".[*"); }

/* ---- telling ---- */

const struct kind_type kind_types[] = {
	{WEIR_IS_TEXT, "a text", "text"},
	{WEIR_IS_NUMBER, "a number", NULL},
	{WEIR_IS_INTEGER, "an integer", "integer"},
	{WEIR_IS_REAL, "a number", "real"},
	{WEIR_IS_FLAG, "true or false", "boolean"},
	{WEIR_IS_MAP, "an object", "object"},
	{WEIR_IS_LIST, "an array", "array"},
	{WEIR_IS_BYTES, "bytes", "bytes"},
	{0, NULL, NULL},
};

void kind_list_types(struct buffer *out, unsigned types)
{
	const char *between = "";
	for (const struct kind_type *t = kind_types; t->types; t++) {
		if ((types & t->types) != t->types)
			continue;
		types &= ~t->types;
		buffer_printf(out, "%s%s", between, t->told);
		between = " or ";
	}
}

/* What stands under a key that says nothing. */
static const char *silent(const struct weir_map *map, const char *key)
{
	struct weir_text text;
	if (map_says(map, key))
		return "";
	if (map_text(map, key, &text) == 0)
		return " (blank)";
	return map_type(map, key) ? " (empty)" : " (null)";
}

static void add_key(struct buffer *out, const struct weir_map *map, struct weir_text key)
{
	char name[KEY_SHOWN + 1];
	bool whole = key.size < sizeof name;
	size_t size = whole ? key.size : KEY_SHOWN;
	memcpy(name, key.data, size);
	name[size] = '\0';
	buffer_printf(out, "%s%s", name, whole ? silent(map, name) : "...");
}

void kind_list_keys(struct buffer *out, const struct weir_map *map)
{
	struct weir_text key;
	size_t i;
	for (i = 0; i < KEYS_SHOWN && map_key(map, i, &key) == 0; i++) {
		buffer_add_text(out, i > 0 ? ", " : "");
		add_key(out, map, key);
	}
	if (i == 0)
		buffer_add_text(out, "nothing");
	else if (map_key(map, i, &key) == 0)
		buffer_add_text(out, ", ...");
}

static const char *shown(struct buffer *b)
{
	const char *text = buffer_text(b);
	return text ? text : "";
}

/* ---- where the item came from ---- */

static bool is_integer(struct weir_text text)
{
	char digits[24], *end;
	if (text.size == 0 || text.size >= sizeof digits)
		return false;
	memcpy(digits, text.data, text.size);
	digits[text.size] = '\0';
	if (digits[0] != '-' && (digits[0] < '0' || digits[0] > '9'))
		return false;
	errno = 0;
	strtoll(digits, &end, 10);
	return errno == 0 && end == digits + text.size;
}

/* Appends the names of those that are needed so: "summary, content". */
static void list_fields(struct buffer *out, const struct weir_field *fields, enum weir_need need)
{
	const char *between = "";
	for (const struct weir_field *f = fields; f && f->name; f++) {
		if (f->need != need)
			continue;
		buffer_printf(out, "%s%s", between, f->name);
		between = ", ";
	}
}

static int fail_table(const struct weir_plugin *p, struct weir_text name, struct weir_error *err)
{
	struct buffer tables = BUFFER_INIT;
	list_fields(&tables, p->about->tables, WEIR_EITHER);
	weir_fail(err, "bad_mapping",
		  "table_name is \"%.*s\", and %s writes to rows of: %s; name one of these, or "
		  "leave table_name and record_id out",
		  name.size < KEY_SHOWN ? (int)name.size : KEY_SHOWN, name.data, p->kind,
		  shown(&tables));
	buffer_release(&tables);
	return -1;
}

static int check_record(const struct weir_field *table, struct weir_text id, struct weir_error *err)
{
	if (table->types != WEIR_IS_INTEGER || is_integer(id))
		return 0;
	return weir_fail(err, "bad_mapping", "record_id is \"%.*s\", and those of %s are integers",
			 id.size < KEY_SHOWN ? (int)id.size : KEY_SHOWN, id.data ? id.data : "",
			 table->name);
}

static int check_mapping(const struct weir_plugin *p, const struct weir_item *item,
			 struct weir_error *err)
{
	bool any = true;
	if (!item->table_name.data || text_is(item->table_name, WEIR_TABLE_FILE))
		return 0;
	for (const struct weir_field *t = p->about->tables; t && t->name; t++) {
		if (t->need != WEIR_EITHER)
			continue;
		if (text_is(item->table_name, t->name))
			return check_record(t, item->record_id, err);
		any = false;
	}
	return any ? 0 : fail_table(p, item->table_name, err);
}

/* ---- context ---- */

static int check_context(const struct weir_plugin *p, const struct weir_map *context,
			 struct weir_error *err)
{
	for (const struct weir_field *f = p->about->context; f && f->name; f++)
		if (f->need == WEIR_REQUIRED && !map_type(context, f->name))
			return weir_fail(err, "bad_context",
					 "the context lacks %s (%s): give it with --context %s=...",
					 f->name, f->help ? f->help : "", f->name);
	return 0;
}

/* ---- payload ---- */

static int fail_type(const struct weir_field *f, unsigned seen, struct weir_error *err)
{
	struct buffer is = BUFFER_INIT, should = BUFFER_INIT;
	if (seen & WEIR_IS_NUMBER)
		seen = WEIR_IS_REAL;
	kind_list_types(&is, seen);
	kind_list_types(&should, f->types);
	weir_fail(err, "bad_payload", "%s is %s, and should be %s", f->name, shown(&is),
		  shown(&should));
	buffer_release(&is);
	buffer_release(&should);
	return -1;
}

static int fail_missing(const struct weir_field *f, const struct weir_map *map,
			struct weir_error *err)
{
	struct buffer should = BUFFER_INIT, there = BUFFER_INIT;
	kind_list_types(&should, f->types);
	kind_list_keys(&there, map);
	weir_fail(err, "bad_payload", "the payload lacks %s%s%s; there is: %s", f->name,
		  should.size ? ", " : "", shown(&should), shown(&there));
	buffer_release(&should);
	buffer_release(&there);
	return -1;
}

static int fail_silent(const struct weir_plugin *p, const struct weir_map *map,
		       struct weir_error *err)
{
	struct buffer names = BUFFER_INIT, there = BUFFER_INIT;
	list_fields(&names, p->about->payload, WEIR_EITHER);
	kind_list_keys(&there, map);
	weir_fail(err, "bad_payload",
		  "it has nothing that %s reads: of %s at least one has to say something; there "
		  "is: %s",
		  p->kind, shown(&names), shown(&there));
	buffer_release(&names);
	buffer_release(&there);
	return -1;
}

/* A text that stands for none: of those fields that have to say something. */
static bool is_null(const struct weir_map *map, const struct weir_field *f, unsigned type)
{
	struct weir_text text;
	return type == WEIR_IS_TEXT && f->types == WEIR_IS_TEXT &&
	       (f->need == WEIR_EITHER || f->need == WEIR_REQUIRED) &&
	       map_text(map, f->name, &text) == 0 && null_mark_is(text.data, text.size);
}

static int fail_null(const struct weir_field *f, const struct weir_map *map, struct weir_error *err)
{
	struct weir_text text;
	if (map_text(map, f->name, &text) < 0)
		return -1;
	return weir_fail(err, "bad_payload",
			 "%s is only \"%.*s\", which stands for no text: leave the item out",
			 f->name, (int)text.size, text.data);
}

static bool says(const struct weir_map *map, const struct weir_field *f, unsigned type)
{
	return type & (WEIR_IS_MAP | WEIR_IS_LIST) ? map_says(map, f->name) : type != 0;
}

/* by_template: which of several it has to have is not for the kind to say. */
static int check_payload(const struct weir_plugin *p, const struct weir_map *map, bool by_template,
			 struct weir_error *err)
{
	bool either = false, found = false;
	const struct weir_field *null = NULL;
	struct weir_text blank;
	for (const struct weir_field *f = p->about->payload; f && f->name; f++) {
		if (!kind_is_key(f))
			continue;
		unsigned type = (unsigned)map_type(map, f->name);
		if (type && f->types && !(f->types & type))
			return fail_type(f, type, err);
		if (!type && (f->need == WEIR_REQUIRED ||
			      (f->need == WEIR_PRESENT && map_text(map, f->name, &blank) < 0)))
			return fail_missing(f, map, err);
		bool none = is_null(map, f, type);
		if (none && f->need == WEIR_REQUIRED)
			return fail_null(f, map, err);
		null = none && !null ? f : null;
		if (f->need == WEIR_EITHER && !found) {
			either = true;
			found = !none && says(map, f, type);
		}
	}
	if (!either || found || by_template)
		return 0;
	return null ? fail_null(null, map, err) : fail_silent(p, map, err);
}

/* ---- all of it ---- */

enum where { HERE, ASKED, UNKNOWN };

/* Most items are worked on by the plugin itself: that needs no look-up. */
static enum where find_template(const struct weir_plugin *p, const struct llm *llm,
				const struct weir_item *item, const struct template **template)
{
	struct weir_text name;
	const struct model *model;
	if (!p->answer || !llm)
		return HERE;
	if (map_text(item->context, "ai_model", &name) < 0 || text_is(name, MODEL_LOCAL))
		return HERE;
	if (llm_find(llm, item->context, &model, template, NULL) < 0)
		return UNKNOWN;
	return *template ? ASKED : HERE;
}

int kind_check(const struct weir_plugin *p, const struct llm *llm, const struct weir_item *item,
	       struct weir_error *err)
{
	const struct template *template = NULL;
	enum where where = find_template(p, llm, item, &template);
	if (p->about &&
	    (check_mapping(p, item, err) < 0 || check_context(p, item->context, err) < 0 ||
	     check_payload(p, kind_input(item), where != HERE, err) < 0))
		return -1;
	if (where != ASKED)
		return 0;
	return template_check_payload(template, item, p->about ? p->about->payload : NULL, err);
}

/* ---- spelling ---- */

/* A name that is meant for one of ours is no longer than this. */
static bool key_says(const struct weir_map *map, struct weir_text key)
{
	char name[KEY_SHOWN + 1];
	if (key.size >= sizeof name)
		return true;
	memcpy(name, key.data, key.size);
	name[key.size] = '\0';
	return map_says(map, name);
}

typedef bool spelt_as(struct weir_text key, const char *name);

/* The field that a key is meant for; NULL: it is one itself, or none. */
static const struct weir_field *find_meant(const struct weir_field *fields, struct weir_text key,
					   spelt_as *is)
{
	const struct weir_field *meant = NULL;
	for (const struct weir_field *f = fields; f && f->name; f++) {
		if (text_is(key, f->name))
			return NULL;
		if (kind_is_key(f) && is(key, f->name))
			meant = f;
	}
	return meant;
}

int kind_check_parameters(const struct weir_plugin *p, const struct weir_map *context,
			  struct weir_error *err)
{
	struct weir_text key;
	for (size_t i = 0; p->about && map_key(context, i, &key) == 0; i++) {
		const struct weir_field *meant =
			find_meant(p->about->context, key, nearest_is_spelt_or_plural);
		if (meant)
			return weir_fail(err, "bad_context",
					 "the context has %.*s: did you mean %s?",
					 key.size < KEY_SHOWN ? (int)key.size : KEY_SHOWN, key.data,
					 meant->name);
	}
	return 0;
}

static int fail_spelling(const struct weir_plugin *p, struct weir_text key, const char *within,
			 const char *meant, struct weir_error *err)
{
	return weir_fail(err, "bad_payload",
			 "there is \"%s%.*s\", which %s does not read: it reads %s%s", within,
			 key.size < KEY_SHOWN ? (int)key.size : KEY_SHOWN, key.data, p->kind,
			 within, meant);
}

/* Of a map within the payload: the rows of the table that begin with `within`. */
static int check_within(const struct weir_plugin *p, const struct weir_map *map, const char *within,
			struct weir_error *err)
{
	size_t n = strlen(within);
	struct weir_text key;
	for (size_t i = 0; map_key(map, i, &key) == 0; i++) {
		const char *meant = NULL;
		bool known = false;
		for (const struct weir_field *f = p->about->payload; f->name; f++) {
			if (strncmp(f->name, within, n) != 0)
				continue;
			known |= text_is(key, f->name + n);
			if (nearest_is_spelt(key, f->name + n))
				meant = f->name + n;
		}
		if (meant && !known && map_type(map, meant) == 0 && key_says(map, key))
			return fail_spelling(p, key, within, meant, err);
	}
	return 0;
}

/* The maps in an array of the payload, or the one map. */
static int check_inner(const struct weir_plugin *p, const struct weir_map *map,
		       const struct weir_field *field, struct weir_error *err)
{
	const struct weir_map *inner;
	char within[80];
	size_t count = 0;
	if (map_map(map, field->name, &inner) == 0) {
		snprintf(within, sizeof within, "%s.", field->name);
		return check_within(p, inner, within, err);
	}
	snprintf(within, sizeof within, "%s[].", field->name);
	if (map_count(map, field->name, &count) < 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (map_entry(map, field->name, i, &inner) == 0 &&
		    check_within(p, inner, within, err) < 0)
			return -1;
	return 0;
}

int kind_check_spelling(const struct weir_plugin *p, const struct llm *llm,
			const struct weir_item *item, struct weir_error *err)
{
	const struct weir_map *map = kind_input(item);
	const struct template *template = NULL;
	if (!p->about || !p->about->payload || find_template(p, llm, item, &template) != HERE)
		return 0;
	if (check_within(p, map, "", err) < 0)
		return -1;
	for (const struct weir_field *f = p->about->payload; f->name; f++)
		if (kind_is_key(f) && check_inner(p, map, f, err) < 0)
			return -1;
	return 0;
}

bool kind_reads(const struct weir_plugin *p, struct weir_text key)
{
	if (!p->about || !p->about->payload)
		return true;
	for (const struct weir_field *f = p->about->payload; f->name; f++)
		if (text_is(key, f->name) || strcmp(f->name, "*") == 0)
			return true;
	return false;
}

bool kind_reads_here(const struct weir_plugin *p, const struct llm *llm,
		     const struct weir_item *item)
{
	const struct template *template = NULL;
	return find_template(p, llm, item, &template) == HERE;
}
