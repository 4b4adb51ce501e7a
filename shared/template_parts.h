/* template_parts.h: what a template is made of. Private to libweir. */
#ifndef WEIR_TEMPLATE_PARTS_H
#define WEIR_TEMPLATE_PARTS_H

#include <jansson.h>
#include <stdbool.h>

#include "weir/templates.h"
#include "weir/yaml.h"

#define PLACE_DEPTH_MAX 8 /* names of a path */

/* ---- texts: what stands, and what is put in ---- */

enum place_source { PLACE_NONE, PLACE_PAYLOAD, PLACE_CONTEXT };

/* A run of text, and the placeholder behind it. */
struct piece {
	struct weir_text text;
	enum place_source source;
	bool optional;
	char *path;   /* names, each closed by a NUL; allocated */
	size_t names; /* 0: the whole payload */
};

struct piece_list {
	char *text; /* what the pieces point into */
	struct piece *list;
	size_t count;
};

/* ---- fields of the answer ---- */

enum rule_type { RULE_TEXT, RULE_NUMBER, RULE_INTEGER, RULE_BOOLEAN, RULE_LIST, RULE_OBJECT };

struct rule {
	char name[TEMPLATE_NAME_MAX + 1];
	enum rule_type type, of; /* of: of a list's elements */
	bool optional;
	json_t *least, *most; /* NULL: no bound */
	json_t *values;	      /* an array of texts; NULL: any */
	/* Which number the values follow ("": none), and where each but the first begins. */
	char follows[TEMPLATE_NAME_MAX + 1];
	json_t *steps;
};

struct template
{
	char name[TEMPLATE_NAME_MAX + 1];
	char *file; /* NULL: built in */
	char *description;
	struct piece_list system, user;
	int64_t max_tokens;
	struct rule rules[TEMPLATE_FIELDS_MAX];
	size_t rule_count;
	char *schema; /* of the rules, one line */
	char *strict; /* the same as OpenAI's strict form wants it; NULL: it cannot be */
};

/* Fills a zeroed template (with its name and file) from its document. 0, or -1 after adding at
 * least one fault. In both cases the caller calls template_release(). */
int template_read(const struct yaml *y, const char *file, struct template *t,
		  struct faults *f) WEIR_MUST_CHECK;
void template_release(struct template *t);

/* Cuts a text at its placeholders. 0, or -1 with err: bad_template, out_of_memory. The caller
 * releases it in both cases. */
int pieces_parse(const char *text, struct piece_list *out, struct weir_error *err) WEIR_MUST_CHECK;
void pieces_release(struct piece_list *p);

/* Appends the path of a place as it is written: "context.NAME", "input.idea"; "payload" for all. */
void place_path(const struct piece *p, struct buffer *out);

/* What a place without a question mark needs is not there: bad_payload. Returns -1. */
int place_fail(const struct template *t, const struct piece *p, struct weir_error *err);

/* The rules as a JSON Schema in one line, which the caller frees; NULL: no memory. */
char *rules_schema(const struct rule *rules, size_t count);
/* In OpenAI's strict form; *possible: whether there is one (not of an object of any fields). */
char *rules_strict(const struct rule *rules, size_t count, bool *possible);

/* Without blanks and line breaks at its ends. */
struct weir_text text_trim(struct weir_text text);

/* ^[a-z][a-z0-9_]*$, at most TEMPLATE_NAME_MAX. */
bool template_name_ok(const char *name);

/* The templates that are compiled in. */
struct builtin_template {
	const char *file; /* "NAME.yaml"; NULL closes the table */
	const char *text;
};
extern const struct builtin_template builtin_templates[];

#endif
