/* What a model answered, against the rules of its template. The errors are read by the model, which
 * is to do better with them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message_scan.h"
#include "template_parts.h"
#include "weir/utf8.h"

/* It becomes a result with something beside it, and that a part of the next stage's payload. */
#define ANSWER_MAX (WEIR_RESULT_MAX / 2)
#define ANSWER_DEPTH_MAX (MESSAGE_PART_DEPTH_MAX - 2)

/* ---- around the object ---- */

/* Takes off "```json" with the rest of its line, and "```". */
static struct weir_text unfence(struct weir_text text)
{
	const char *line;

	if (text.size < 6 || memcmp(text.data, "```", 3) != 0 ||
	    memcmp(text.data + text.size - 3, "```", 3) != 0)
		return text;
	line = memchr(text.data, '\n', text.size);
	if (line == NULL)
		return text;
	text.size -= (size_t)(line + 1 - text.data) + 3;
	text.data = line + 1;
	return text_trim(text);
}

static int parse(struct weir_text answer, json_t **out, struct weir_error *err)
{
	struct weir_text text = unfence(text_trim(answer));
	struct weir_error why;

	if (text.size == 0)
		return weir_fail(err, "bad_answer", "The answer is empty.");
	if (text.size > ANSWER_MAX)
		return weir_fail(err, "bad_answer", "The answer has %zu bytes, at most %d may be.",
				 text.size, ANSWER_MAX);
	if (*text.data != '{')
		return weir_fail(err, "bad_answer",
				 "The answer has to be one JSON object and nothing else, and this "
				 "does not begin with {.");
	if (message_parse_json(text.data, text.size, ANSWER_DEPTH_MAX, out, &why) == 0)
		return 0;
	if (strcmp(why.code, "out_of_memory") == 0)
		return weir_fail_memory(err);
	return weir_fail(err, "bad_answer",
			 "The answer has to be one JSON object and nothing else: %s.", why.text);
}

/* ---- values ---- */

static const char *const wanted[] = {
	[RULE_TEXT] = "a string",	  [RULE_NUMBER] = "a number", [RULE_INTEGER] = "an integer",
	[RULE_BOOLEAN] = "true or false", [RULE_LIST] = "an array",   [RULE_OBJECT] = "an object",
};

static size_t characters(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t at = 0; at < size; at++)
		count += ((unsigned char)text[at] & 0xC0) != 0x80;
	return count;
}

/* 3.0 is an integer for JSON Schema; beyond 2^53 a real may stand for another one. */
static bool is_whole(const json_t *value)
{
	double real = json_real_value(value);

	return json_is_integer(value) ||
	       (json_is_real(value) && fabs(real) <= 9007199254740992.0 && floor(real) == real);
}

static bool fits_type(const json_t *value, enum rule_type type)
{
	switch (type) {
	case RULE_TEXT:
		return json_is_string(value);
	case RULE_NUMBER:
		return json_is_number(value);
	case RULE_INTEGER:
		return is_whole(value);
	case RULE_BOOLEAN:
		return json_is_boolean(value);
	case RULE_LIST:
		return json_is_array(value);
	case RULE_OBJECT:
		return json_is_object(value);
	}
	return false;
}

static bool is_less(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b))
		return json_integer_value(a) < json_integer_value(b);
	return json_number_value(a) < json_number_value(b);
}

/* What the bounds of a rule are about. */
static json_t *measure(const struct rule *r, json_t *value)
{
	switch (r->type) {
	case RULE_TEXT:
		return json_integer((json_int_t)characters(json_string_value(value),
							   json_string_length(value)));
	case RULE_LIST:
		return json_integer((json_int_t)json_array_size(value));
	default:
		return json_incref(value);
	}
}

/* ---- telling ---- */

static void add_json(struct buffer *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	buffer_add_text(out, text != NULL ? text : "?");
	free(text);
}

static void begin_fault(struct buffer *out, const struct rule *r)
{
	buffer_printf(out, "%s\"%s\" ", out->size > 0 ? " " : "", r->name);
}

static void tell_bounds(struct buffer *out, const struct rule *r, const json_t *size)
{
	static const char *const of[] = {
		[RULE_TEXT] = " characters", [RULE_LIST] = " elements", [RULE_OBJECT] = NULL};
	const char *unit = of[r->type] != NULL ? of[r->type] : "";

	begin_fault(out, r);
	buffer_add_text(out, "has to ");
	buffer_add_text(out, *unit != '\0' ? "have " : "be ");
	if (r->least != NULL) {
		buffer_add_text(out, "at least ");
		add_json(out, r->least);
	}
	if (r->most != NULL) {
		buffer_add_text(out, r->least != NULL ? " and at most " : "at most ");
		add_json(out, r->most);
	}
	buffer_printf(out, "%s, not ", unit);
	add_json(out, size);
	buffer_add_char(out, '.');
}

static void tell_values(struct buffer *out, const struct rule *r, const char *where)
{
	size_t count = json_array_size(r->values);

	begin_fault(out, r);
	buffer_printf(out, "has to be one of%s ", where);
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(out, i > 0 ? ", " : "");
		add_json(out, json_array_get(r->values, i));
	}
	buffer_add_char(out, '.');
}

/* ---- rules ---- */

static bool is_listed(const json_t *values, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(values); i++)
		if (json_equal(json_array_get(values, i), value))
			return true;
	return values == NULL;
}

static void check_elements(const struct rule *r, const json_t *list, struct buffer *faults)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *element = json_array_get(list, i);

		if (!fits_type(element, r->of)) {
			begin_fault(faults, r);
			buffer_printf(faults, "has to be an array whose elements are each %s.",
				      wanted[r->of]);
			return;
		}
		if (!is_listed(r->values, element)) {
			tell_values(faults, r, ", for each element,");
			return;
		}
	}
}

static void check_bounds(const struct rule *r, json_t *value, struct buffer *faults)
{
	json_t *size = measure(r, value);

	if (size == NULL)
		faults->failed = true;
	else if ((r->least != NULL && is_less(size, r->least)) ||
		 (r->most != NULL && is_less(r->most, size)))
		tell_bounds(faults, r, size);
	json_decref(size);
}

static void check_value(const struct rule *r, json_t *value, struct buffer *faults)
{
	if (!fits_type(value, r->type)) {
		begin_fault(faults, r);
		buffer_printf(faults, "has to be %s.", wanted[r->type]);
		return;
	}
	if (r->type == RULE_LIST)
		check_elements(r, value, faults);
	else if (!is_listed(r->values, value))
		tell_values(faults, r, "");
	if (r->least != NULL || r->most != NULL)
		check_bounds(r, value, faults);
}

/* 3.0 becomes 3. */
static int keep_value(const struct rule *r, json_t *value, json_t *kept)
{
	if (r->type == RULE_INTEGER && json_is_real(value))
		return json_object_set_new(kept, r->name,
					   json_integer((json_int_t)json_real_value(value)));
	return json_object_set(kept, r->name, value);
}

/* Puts the fields that are named into `kept`, and what is wrong with them into `faults`. */
static int check_fields(const struct template *t, json_t *answer, json_t *kept,
			struct buffer *faults)
{
	for (size_t i = 0; i < t->rule_count; i++) {
		const struct rule *r = &t->rules[i];
		json_t *value = json_object_get(answer, r->name);
		bool absent = value == NULL || json_is_null(value);

		if (absent && !r->optional) {
			begin_fault(faults, r);
			buffer_add_text(faults, "is missing.");
		}
		if (absent)
			continue;
		check_value(r, value, faults);
		if (keep_value(r, value, kept) < 0)
			return -1;
	}
	return 0;
}

static int write_kept(const json_t *kept, struct buffer *out, struct weir_error *err)
{
	char *text = json_dumps(kept, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (text != NULL)
		buffer_add_text(out, text);
	free(text);
	return text == NULL || buffer_failed(out) ? weir_fail_memory(err) : 0;
}

int template_check(const struct template *t, struct weir_text answer, struct buffer *json,
		   struct weir_error *err)
{
	struct buffer faults = BUFFER_INIT;
	json_t *found = NULL, *kept;
	int rc = -1;

	if (parse(answer, &found, err) < 0)
		return -1;
	kept = json_object();
	if (kept == NULL || check_fields(t, found, kept, &faults) < 0 || buffer_failed(&faults))
		weir_fail_memory(err);
	else if (faults.size > 0)
		weir_fail(err, "bad_answer", "%.*s", (int)faults.size, faults.data);
	else
		rc = write_kept(kept, json, err);
	buffer_release(&faults);
	json_decref(kept);
	json_decref(found);
	return rc;
}
