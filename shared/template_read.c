#include <stdlib.h>
#include <string.h>

#include "yaml_fields.h"
#include "template_parts.h"

#define TEXT_MAX (256 * 1024) /* bytes of a text of a template */
#define MAX_TOKENS_MAX 1000000

struct source {
	char *description, *system, *user;
	int64_t max_tokens;
	int fields;
};

#define AT(field) offsetof(struct source, field)

static const struct yaml_field rows[] = {
	{.name = "description", .type = FIELD_TEXT, .offset = AT(description), .most = 1000},
	{.name = "system", .type = FIELD_TEXT, .offset = AT(system), .most = TEXT_MAX},
	{.name = "user",
	 .type = FIELD_TEXT,
	 .offset = AT(user),
	 .least = 1,
	 .most = TEXT_MAX,
	 .required = true},
	{.name = "max_tokens",
	 .type = FIELD_INTEGER,
	 .offset = AT(max_tokens),
	 .least = 1,
	 .most = MAX_TOKENS_MAX},
	{.name = "fields", .type = FIELD_NODE, .offset = AT(fields), .required = true},
	{.type = FIELD_END},
};

/* One field of the answer, as it is written. */
struct rule_source {
	int type, of;
	bool optional;
	char *follows;
	int least, most, values, steps; /* nodes */
};

#define RULE_AT(field) offsetof(struct rule_source, field)

static const char *const types[] = {[RULE_TEXT] = "text",
				    [RULE_NUMBER] = "number",
				    [RULE_INTEGER] = "integer",
				    [RULE_BOOLEAN] = "boolean",
				    [RULE_LIST] = "list",
				    [RULE_OBJECT] = "object",
				    NULL};

static const struct yaml_field rule_rows[] = {
	{.name = "type",
	 .type = FIELD_WORD,
	 .offset = RULE_AT(type),
	 .words = types,
	 .required = true},
	{.name = "of", .type = FIELD_WORD, .offset = RULE_AT(of), .words = types},
	{.name = "optional", .type = FIELD_FLAG, .offset = RULE_AT(optional)},
	{.name = "least", .type = FIELD_NODE, .offset = RULE_AT(least)},
	{.name = "most", .type = FIELD_NODE, .offset = RULE_AT(most)},
	{.name = "values", .type = FIELD_NODE, .offset = RULE_AT(values)},
	{.name = "follows",
	 .type = FIELD_TEXT,
	 .offset = RULE_AT(follows),
	 .least = 1,
	 .most = TEMPLATE_NAME_MAX},
	{.name = "steps", .type = FIELD_NODE, .offset = RULE_AT(steps)},
	{.type = FIELD_END},
};

bool template_name_ok(const char *name)
{
	return *name >= 'a' && *name <= 'z' && strlen(name) <= TEMPLATE_NAME_MAX &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* ---- a field of the answer ---- */

static int read_bound(const struct yaml_source *from, const char *name, int node,
		      const struct rule *rule, json_t **out)
{
	bool real = rule->type == RULE_NUMBER, integer = rule->type == RULE_INTEGER;
	json_t *value;

	if (node < 0)
		return 0;
	if (rule->type == RULE_BOOLEAN || rule->type == RULE_OBJECT)
		return yaml_fault(from, node, "%s: has no meaning for this type", name);
	value = yaml_json(from->yaml, node);
	if (value == NULL)
		return yaml_fault(from, -1, "out of memory");
	*out = value;
	if (real ? !json_is_number(value) : !json_is_integer(value))
		return yaml_fault(from, node, "%s: a %snumber is wanted", name,
				  real ? "" : "whole ");
	if (!real && !integer && json_integer_value(value) < 0)
		return yaml_fault(from, node, "%s: a length is not below 0", name);
	return 0;
}

static int read_bounds(const struct yaml_source *from, const struct rule_source *s,
		       struct rule *rule)
{
	int rc = read_bound(from, "least", s->least, rule, &rule->least);

	if (read_bound(from, "most", s->most, rule, &rule->most) < 0)
		rc = -1;
	if (rc == 0 && rule->least != NULL && rule->most != NULL &&
	    json_number_value(rule->least) > json_number_value(rule->most))
		rc = yaml_fault(from, s->least, "least is more than most");
	return rc;
}

static int read_values(const struct yaml_source *from, const struct rule_source *s,
		       struct rule *rule)
{
	size_t size = yaml_size(from->yaml, s->values);

	if (s->values < 0)
		return 0;
	if (rule->type != RULE_TEXT && !(rule->type == RULE_LIST && rule->of == RULE_TEXT))
		return yaml_fault(from, s->values, "values: is for texts, and lists of them");
	if (yaml_type(from->yaml, s->values) != YAML_LIST || size == 0)
		return yaml_fault(from, s->values, "values: a list of texts is wanted");
	rule->values = json_array();
	for (size_t i = 0; i < size; i++) {
		int node = yaml_at(from->yaml, s->values, i, NULL);
		const char *text = yaml_text(from->yaml, node);

		if (text == NULL)
			return yaml_fault(from, node, "values: a text is wanted");
		if (json_array_append_new(rule->values, json_string(text)) < 0)
			return yaml_fault(from, -1, "out of memory");
	}
	return 0;
}

/* One number less than there are values, each more than the one before. */
static int read_steps(const struct yaml_source *from, const struct rule_source *s,
		      struct rule *rule)
{
	size_t size = yaml_size(from->yaml, s->steps);

	if (s->follows == NULL && s->steps < 0)
		return 0;
	if (rule->type != RULE_TEXT || s->follows == NULL || s->steps < 0 ||
	    yaml_type(from->yaml, s->steps) != YAML_LIST ||
	    size + 1 != json_array_size(rule->values))
		return yaml_fault(from, s->steps,
				  "follows, steps: are together, for a text with values, and "
				  "there is one step less than values");
	snprintf(rule->follows, sizeof(rule->follows), "%s", s->follows);
	rule->steps = yaml_json(from->yaml, s->steps);
	if (rule->steps == NULL)
		return yaml_fault(from, -1, "out of memory");
	for (size_t i = 0; i < size; i++) {
		const json_t *step = json_array_get(rule->steps, i);

		if (!json_is_number(step) ||
		    (i > 0 && json_number_value(json_array_get(rule->steps, i - 1)) >=
				      json_number_value(step)))
			return yaml_fault(from, s->steps, "steps: rising numbers are wanted");
	}
	return 0;
}

static int fill_rule(const struct yaml_source *from, int node, const struct rule_source *s,
		     struct rule *rule)
{
	int rc;

	rule->type = (enum rule_type)s->type;
	rule->of = s->of < 0 ? RULE_TEXT : (enum rule_type)s->of;
	rule->optional = s->optional;
	rc = read_bounds(from, s, rule);
	if (s->of >= 0 && (s->type != RULE_LIST || s->of == RULE_LIST))
		rc = yaml_fault(from, yaml_find(from->yaml, node, "of"),
				"of: is for lists, and of no lists");
	if (read_values(from, s, rule) < 0)
		return -1;
	return read_steps(from, s, rule) < 0 ? -1 : rc;
}

static int read_rule(const struct yaml_source *from, int key, int node, struct rule *rule)
{
	struct rule_source s = {
		.type = -1, .of = -1, .least = -1, .most = -1, .values = -1, .steps = -1};
	const char *name = yaml_text(from->yaml, key);
	int rc;

	if (name == NULL || !template_name_ok(name))
		return yaml_fault(from, key,
				  "\"%.80s\" is no name for a field: 1 to %d of a-z 0-9 _ "
				  "beginning with a letter",
				  name != NULL ? name : "", TEMPLATE_NAME_MAX);
	snprintf(rule->name, sizeof(rule->name), "%s", name);
	if (strcmp(name, "usage") == 0)
		return yaml_fault(from, key,
				  "usage: stands beside the fields of every answer; call "
				  "this one otherwise");
	rc = yaml_fields_read(from, node, name, rule_rows, &s);
	if (rc == 0)
		rc = fill_rule(from, node, &s, rule);
	yaml_fields_release(rule_rows, &s);
	return rc;
}

static bool is_number_of(const struct template *t, const char *name)
{
	for (size_t i = 0; i < t->rule_count; i++)
		if (strcmp(t->rules[i].name, name) == 0)
			return t->rules[i].type == RULE_NUMBER || t->rules[i].type == RULE_INTEGER;
	return false;
}

/* Once all fields are known. */
static int check_follows(const struct yaml_source *from, int map, const struct template *t)
{
	int rc = 0;

	for (size_t i = 0; i < t->rule_count; i++)
		if (*t->rules[i].follows != '\0' && !is_number_of(t, t->rules[i].follows))
			rc = yaml_fault(from, map, "%s: follows %s, which is no number of fields",
					t->rules[i].name, t->rules[i].follows);
	return rc;
}

static int read_rules(const struct yaml_source *from, int map, struct template *t)
{
	size_t size = yaml_size(from->yaml, map);
	int rc = 0;

	if (map < 0) /* that it is missing has been said */
		return -1;
	if (yaml_type(from->yaml, map) != YAML_MAP || size < 1 || size > TEMPLATE_FIELDS_MAX)
		return yaml_fault(from, map, "fields: 1 to %d fields are wanted",
				  TEMPLATE_FIELDS_MAX);
	for (size_t i = 0; i < size; i++) {
		int key, node = yaml_at(from->yaml, map, i, &key);

		if (read_rule(from, key, node, &t->rules[t->rule_count++]) < 0)
			rc = -1;
	}
	return rc == 0 ? check_follows(from, map, t) : rc;
}

/* ---- the schema ---- */

static const char *const schema_types[] = {
	[RULE_TEXT] = "string",	    [RULE_NUMBER] = "number", [RULE_INTEGER] = "integer",
	[RULE_BOOLEAN] = "boolean", [RULE_LIST] = "array",    [RULE_OBJECT] = "object",
};

/* What the schema calls the bounds of a type. */
static const struct bound_names {
	const char *least, *most;
} bound_names[] = {
	[RULE_TEXT] = {"minLength", "maxLength"}, [RULE_NUMBER] = {"minimum", "maximum"},
	[RULE_INTEGER] = {"minimum", "maximum"},  [RULE_BOOLEAN] = {"", ""},
	[RULE_LIST] = {"minItems", "maxItems"},	  [RULE_OBJECT] = {"", ""},
};

static int set_shared(json_t *object, const char *key, json_t *value)
{
	return value == NULL ? 0 : json_object_set(object, key, value);
}

static json_t *rule_schema(const struct rule *r)
{
	json_t *made = json_object(), *values_of = made;
	int rc = json_object_set_new(made, "type", json_string(schema_types[r->type]));

	if (r->type == RULE_LIST) {
		values_of = json_pack("{s:s}", "type", schema_types[r->of]);
		rc |= json_object_set_new(made, "items", values_of);
	}
	rc |= set_shared(values_of, "enum", r->values);
	rc |= set_shared(made, bound_names[r->type].least, r->least);
	rc |= set_shared(made, bound_names[r->type].most, r->most);
	if (rc == 0)
		return made;
	json_decref(made);
	return NULL;
}

char *rules_schema(const struct rule *rules, size_t count)
{
	json_t *properties = json_object(), *required = json_array(), *schema;
	char *text = NULL;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		rc |= json_object_set_new(properties, rules[i].name, rule_schema(&rules[i]));
		if (!rules[i].optional)
			rc |= json_array_append_new(required, json_string(rules[i].name));
	}
	schema = json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
			   "required", required, "additionalProperties", 0);
	if (rc == 0 && schema != NULL)
		text = json_dumps(schema, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(schema);
	return text;
}

/* ---- the strict schema ---- */

/* Source: OpenAI, Structured Outputs, Supported schemas. */
static bool is_open(const struct rule *r)
{
	return r->type == RULE_OBJECT || (r->type == RULE_LIST && r->of == RULE_OBJECT);
}

static json_t *strict_values(const struct rule *r)
{
	json_t *values = json_copy(r->values);

	if (values != NULL && r->optional && r->type != RULE_LIST &&
	    json_array_append_new(values, json_null()) < 0) {
		json_decref(values);
		return NULL;
	}
	return values;
}

static json_t *strict_rule(const struct rule *r)
{
	const char *type = schema_types[r->type];
	json_t *made = r->optional ? json_pack("{s:[s,s]}", "type", type, "null")
				   : json_pack("{s:s}", "type", type);
	json_t *values_of = made;
	int rc = 0;

	if (r->type == RULE_LIST) {
		values_of = json_pack("{s:s}", "type", schema_types[r->of]);
		rc |= json_object_set_new(made, "items", values_of);
	}
	if (r->values != NULL)
		rc |= json_object_set_new(values_of, "enum", strict_values(r));
	if (rc == 0)
		return made;
	json_decref(made);
	return NULL;
}

char *rules_strict(const struct rule *rules, size_t count, bool *possible)
{
	json_t *properties = json_object(), *required = json_array(), *schema;
	char *text = NULL;
	int rc = 0;

	*possible = true;
	for (size_t i = 0; i < count; i++) {
		*possible &= !is_open(&rules[i]);
		rc |= json_object_set_new(properties, rules[i].name, strict_rule(&rules[i]));
		rc |= json_array_append_new(required, json_string(rules[i].name));
	}
	schema = json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
			   "required", required, "additionalProperties", 0);
	if (rc == 0 && schema != NULL)
		text = json_dumps(schema, JSON_COMPACT);
	json_decref(schema);
	return text;
}

/* ---- the whole ---- */

static int read_pieces(const struct yaml_source *from, const char *field, const char *text,
		       struct piece_list *out)
{
	struct weir_error why;

	if (pieces_parse(text != NULL ? text : "", out, &why) == 0)
		return 0;
	return yaml_fault(from, yaml_find(from->yaml, yaml_root(from->yaml), field), "%s: %s",
			  field, why.text);
}

int template_read(const struct yaml *y, const char *file, struct template *t, struct faults *f)
{
	struct yaml_source from = {.yaml = y, .file = file, .faults = f};
	struct source s = {.fields = -1};
	bool possible;
	int rc = yaml_fields_read(&from, yaml_root(y), "the file", rows, &s);

	if (read_pieces(&from, "system", s.system, &t->system) < 0)
		rc = -1;
	if (read_pieces(&from, "user", s.user, &t->user) < 0)
		rc = -1;
	if (read_rules(&from, s.fields, t) < 0)
		rc = -1;
	t->description = s.description;
	s.description = NULL;
	t->max_tokens = s.max_tokens;
	t->schema = rules_schema(t->rules, t->rule_count);
	t->strict = rules_strict(t->rules, t->rule_count, &possible);
	if (t->schema == NULL || t->strict == NULL)
		rc = yaml_fault(&from, -1, "out of memory");
	if (!possible) {
		free(t->strict);
		t->strict = NULL;
	}
	yaml_fields_release(rows, &s);
	return rc;
}

void template_release(struct template *t)
{
	for (size_t i = 0; i < t->rule_count; i++) {
		json_decref(t->rules[i].least);
		json_decref(t->rules[i].most);
		json_decref(t->rules[i].values);
		json_decref(t->rules[i].steps);
	}
	pieces_release(&t->system);
	pieces_release(&t->user);
	free(t->description);
	free(t->schema);
	free(t->strict);
	free(t->file);
	*t = (struct template){.file = NULL};
}
