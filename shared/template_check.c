/* What a model answered, against the rules of its template. The errors are read by the model, which
 * is to do better with them. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answer_keys.h"
#include "answer_opening.h"
#include "answer_scan.h"
#include "message_scan.h"
#include "template_parts.h"
#include "weir/utf8.h"

/* It becomes a result with something beside it, and that a part of the next stage's payload. */
#define ANSWER_MAX (WEIR_RESULT_MAX / 2)
#define ANSWER_DEPTH_MAX (MESSAGE_PART_DEPTH_MAX - 2)
#define AROUND_MAX 3 /* objects and arrays around the answer */

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

/* Blanks are nothing. */
static size_t length_of(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);

	return utf8_is_blank(text, size) ? 0 : characters(text, size);
}

/* What the bounds of a rule are about. */
static json_t *measure(const struct rule *r, json_t *value)
{
	switch (r->type) {
	case RULE_TEXT:
		return json_integer((json_int_t)length_of(value));
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

/* ---- numbers and truths that are told as texts ---- */

static bool is_number(const char *text)
{
	size_t at = *text == '-', digits = strspn(text + at, "0123456789");

	if (digits == 0 || (digits > 1 && text[at] == '0'))
		return false;
	at += digits;
	if (text[at] == '.') {
		digits = strspn(text + ++at, "0123456789");
		at += digits;
	}
	if (digits > 0 && (text[at] == 'e' || text[at] == 'E')) {
		at += text[at + 1] == '-' || text[at + 1] == '+' ? 2 : 1;
		digits = strspn(text + at, "0123456789");
		at += digits;
	}
	return digits > 0 && text[at] == '\0';
}

/* "3.000" is three for some, and three thousand for others; "0.500" is the same for all. */
static bool is_grouped(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t whole = strspn(digits, "0123456789");

	return *digits != '0' && whole <= 3 && digits[whole] == '.' &&
	       strspn(digits + whole + 1, "0123456789") == 3 && digits[whole + 4] == '\0';
}

/* The whole text is one number, as JSON writes it. NULL: no memory, or no number that fits. */
static json_t *number_of(const char *text)
{
	char *end;
	double real;

	errno = 0;
	if (text[strspn(text, "-0123456789")] == '\0') {
		long long whole = strtoll(text, &end, 10);

		return errno == 0 ? json_integer(whole) : NULL;
	}
	real = strtod(text, &end);
	return isfinite(real) && errno == 0 ? json_real(real) : NULL;
}

/* What a text says that stands where no text is wanted: a new reference, or NULL: nothing. */
static json_t *said(enum rule_type type, const json_t *value)
{
	const char *text = json_string_value(value);

	if (text == NULL || strlen(text) != json_string_length(value))
		return NULL;
	if (type == RULE_BOOLEAN && (strcmp(text, "true") == 0 || strcmp(text, "True") == 0))
		return json_true();
	if (type == RULE_BOOLEAN && (strcmp(text, "false") == 0 || strcmp(text, "False") == 0))
		return json_false();
	if ((type == RULE_NUMBER || type == RULE_INTEGER) && is_number(text) && !is_grouped(text))
		return number_of(text);
	return NULL;
}

/* The value, or what it says; a new reference. */
static json_t *taken(const struct rule *r, json_t *value)
{
	json_t *plain = said(r->type, value);

	for (size_t i = 0; r->type == RULE_LIST && i < json_array_size(value); i++) {
		json_t *element = said(r->of, json_array_get(value, i));

		if (element != NULL)
			json_array_set_new(value, i, element);
	}
	return plain != NULL ? plain : json_incref(value);
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
		value = taken(r, value);
		check_value(r, value, faults);
		if (keep_value(r, value, kept) < 0)
			faults->failed = true;
		json_decref(value);
	}
	return faults->failed ? -1 : 0;
}

/* ---- values that follow a number ---- */

/* The first and the last value that a number may have; both, where it is a step. */
static void values_at(const struct rule *r, double number, size_t *first, size_t *last)
{
	*first = *last = 0;
	for (size_t i = 0; i < json_array_size(r->steps); i++) {
		double step = json_number_value(json_array_get(r->steps, i));

		*first += step < number;
		*last += step <= number;
	}
}

static size_t place_of(const struct rule *r, const json_t *value)
{
	size_t i = 0;

	while (i < json_array_size(r->values) && !json_equal(json_array_get(r->values, i), value))
		i++;
	return i;
}

static void tell_contradiction(struct buffer *out, const struct rule *r, const json_t *number,
			       size_t place, const json_t *value)
{
	begin_fault(out, r);
	buffer_add_text(out, "has to be ");
	add_json(out, json_array_get(r->values, place));
	buffer_printf(out, " where \"%s\" is ", r->follows);
	add_json(out, number);
	buffer_add_text(out, ", not ");
	add_json(out, value);
	buffer_add_char(out, '.');
}

/* Of what fits by itself. */
static void check_follows(const struct template *t, const json_t *kept, struct buffer *faults)
{
	for (size_t i = 0; i < t->rule_count; i++) {
		const struct rule *r = &t->rules[i];
		const json_t *value = json_object_get(kept, r->name);
		const json_t *number = json_object_get(kept, r->follows);
		size_t first, last, place;

		if (*r->follows == '\0' || value == NULL || number == NULL)
			continue;
		values_at(r, json_number_value(number), &first, &last);
		place = place_of(r, value);
		if (place + 1 < first || place > last + 1)
			tell_contradiction(faults, r, number, first, value);
	}
}

static int write_kept(const json_t *kept, struct buffer *out, struct weir_error *err)
{
	char *text = json_dumps(kept, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (text != NULL)
		buffer_add_text(out, text);
	free(text);
	return text == NULL || buffer_failed(out) ? weir_fail_memory(err) : 0;
}

static int check_object(const struct template *t, json_t *found, struct buffer *json,
			struct weir_error *err)
{
	struct buffer faults = BUFFER_INIT;
	json_t *kept = json_object();
	int rc = kept == NULL ? -1 : check_fields(t, found, kept, &faults);

	if (rc == 0 && faults.size == 0)
		check_follows(t, kept, &faults);
	if (rc < 0 || buffer_failed(&faults))
		rc = weir_fail_memory(err);
	else if (faults.size > 0)
		rc = weir_fail(err, "bad_answer", "%.*s", (int)faults.size, faults.data);
	else
		rc = write_kept(kept, json, err);
	buffer_release(&faults);
	json_decref(kept);
	return rc;
}

/* ---- parsing ---- */

static bool no_memory(const struct weir_error *why)
{
	return strcmp(why->code, "out_of_memory") == 0;
}

/* As an object, each of whose keys has one value. *twice: one has not. */
static int parse(const char *json, size_t size, unsigned depth_max, json_t **out,
		 struct weir_error *why)
{
	json_error_t fault = {.text = ""};
	json_t *once;

	if (message_parse_json(json, size, depth_max, out, why) < 0)
		return -1;
	once = json_loadb(json, size, JSON_REJECT_DUPLICATES, &fault);
	if (once != NULL || answer_keys_agree(json, size)) {
		json_decref(once);
		return 0;
	}
	json_decref(*out);
	*out = NULL;
	return weir_fail(why, "bad_json", "a key stands twice in it, with different values");
}

/* ---- which object is the answer ---- */

#define NOT_ONE "The answer has to be one JSON object and nothing else"

/* What has been found so far; object NULL: nothing. */
struct choice {
	const struct template *template;
	json_t *object; /* the last one that has a field of the template's */
	json_t *root;	/* what that stands in, or the same */
	json_t *other;	/* one that has none, and there is no better one */
	size_t end;	/* of that in the text */
	/* Of the last one that fits: what is kept of it; how many that differ from the one before
	 * have been found; and whether each was said to be a draft. */
	struct buffer kept;
	size_t count;
	bool drafts;
	bool doubt;		 /* which of them is the answer is not said */
	bool ended;		 /* the turn ended before the text did */
	struct weir_error fault; /* why nothing of it can be taken; code "": none */
};

static int refuse(struct choice *c, const char *why)
{
	weir_fail(&c->fault, "bad_answer", NOT_ONE ": %s.", why);
	return -1;
}

static bool is_field(const struct template *t, const char *key)
{
	for (size_t i = 0; i < t->rule_count; i++)
		if (strcmp(t->rules[i].name, key) == 0)
			return true;
	return false;
}

static bool has_field(const struct template *t, const json_t *object)
{
	for (size_t i = 0; i < t->rule_count; i++) {
		json_t *value = json_object_get(object, t->rules[i].name);

		if (value != NULL && !json_is_null(value))
			return true;
	}
	return false;
}

/* One that stands within something else, or is written as a text there. Calls itself AROUND_MAX
 * times at the most. */
static void look_into(struct choice *c, json_t *value, unsigned depth, bool *several)
{
	json_t *inner = NULL, *child;
	const char *key;
	struct weir_error ignored;
	size_t i;

	if (json_is_string(value) && parse(json_string_value(value), json_string_length(value),
					   ANSWER_DEPTH_MAX, &inner, &ignored) == 0)
		value = inner;
	if (json_is_object(value) && has_field(c->template, value)) {
		*several |= c->object != NULL && !json_equal(c->object, value);
		json_decref(c->object);
		c->object = json_incref(value);
	} else if (depth > 0) {
		json_object_foreach(value, key, child) look_into(c, child, depth - 1, several);
		json_array_foreach(value, i, child) look_into(c, child, depth - 1, several);
	}
	json_decref(inner);
}

/* What the template does not name tells whom an object is about: a company, or a key around it. */
static bool names_alike(const struct template *t, json_t *one, json_t *other)
{
	const char *key;
	json_t *value, *same;

	json_object_foreach(one, key, value)
	{
		same = json_object_get(other, key);
		if (is_field(t, key))
			continue;
		if (same == NULL || json_typeof(same) != json_typeof(value))
			return false;
		if (!json_is_object(value) && !json_is_array(value) && !json_equal(value, same))
			return false;
	}
	return true;
}

static bool is_about_the_same(const struct choice *c, json_t *root, json_t *last_root, json_t *last)
{
	const struct template *t = c->template;

	return names_alike(t, root, last_root) && names_alike(t, last_root, root) &&
	       names_alike(t, c->object, last) && names_alike(t, last, c->object);
}

/* Whether the words before one that fits say that it is the answer, and those before it are not. */
static bool is_settled(const struct choice *c, enum opening opening, bool same)
{
	switch (opening) {
	case OPENING_FINAL:
		return true;
	case OPENING_ANSWER:
		return c->drafts && !c->doubt;
	case OPENING_NONE:
		return c->count == 1 && same;
	default:
		return false;
	}
}

/* One that fits, beside those before it that do. */
static void weigh(struct choice *c, struct buffer *kept, enum opening opening, bool same)
{
	bool equal = c->kept.size == kept->size && c->count > 0 &&
		     memcmp(c->kept.data, kept->data, kept->size) == 0;

	if (c->count == 0)
		c->drafts = opening == OPENING_DRAFT;
	if (c->count > 0 && !equal) {
		c->doubt = !is_settled(c, opening, same);
		c->drafts &= opening == OPENING_DRAFT;
	}
	c->count += c->count == 0 || !equal;
	buffer_release(&c->kept);
	c->kept = *kept; /* moved */
	*kept = BUFFER_INIT;
}

/* A whole object, which stands in the text behind `before`. It takes the place of the one before.
 * -1: no memory. */
static int choose(struct choice *c, json_t *root, struct weir_text before, size_t end,
		  struct weir_error *err)
{
	json_t *last = c->object, *last_root = c->root;
	struct buffer kept = BUFFER_INIT;
	struct weir_error why; /* one that does not fit may be followed by one that does */
	bool several = false;
	int rc;

	c->object = NULL;
	look_into(c, root, AROUND_MAX, &several);
	if (c->object == NULL) {
		c->object = last;
		if (last == NULL) {
			json_decref(c->other);
			c->other = json_incref(root);
			c->end = end;
		}
		return 0;
	}
	*c->fault.code = '\0';
	c->end = end;
	c->root = json_incref(root);
	if (several)
		refuse(c, "there are several in it, which differ");
	rc = check_object(c->template, c->object, &kept, &why);
	if (rc == 0)
		weigh(c, &kept, answer_opening(before),
		      last != NULL && is_about_the_same(c, root, last_root, last));
	buffer_release(&kept);
	json_decref(last);
	json_decref(last_root);
	return rc < 0 && no_memory(&why) ? weir_fail_memory(err) : 0;
}

/* ---- in a text ---- */

/* A text that is an object and nothing else. 1: it is. */
static int choose_whole(struct choice *c, struct weir_text text, struct weir_error *err)
{
	struct weir_error why;
	json_t *root = NULL;
	int rc;

	if (text.size == 0 || *text.data != '{')
		return 0;
	if (parse(text.data, text.size, ANSWER_DEPTH_MAX + AROUND_MAX, &root, &why) < 0) {
		if (no_memory(&why))
			return weir_fail_memory(err);
		weir_fail(&c->fault, "bad_answer", NOT_ONE ": %s.", why.text);
		return 0;
	}
	rc = choose(c, root, (struct weir_text){"", 0}, text.size, err);
	json_decref(root);
	return rc < 0 ? -1 : 1;
}

static int take_found(struct choice *c, const struct buffer *json, struct weir_text before,
		      size_t end, struct weir_error *err)
{
	struct weir_error why;
	json_t *root = NULL;
	int rc = 0;

	if (buffer_failed(json))
		return weir_fail_memory(err);
	if (parse(json->data, json->size, ANSWER_DEPTH_MAX + AROUND_MAX, &root, &why) == 0)
		rc = choose(c, root, before, end, err);
	else if (no_memory(&why))
		return weir_fail_memory(err);
	else
		weir_fail(&c->fault, "bad_answer", NOT_ONE ": %s.", why.text);
	json_decref(root);
	return rc;
}

static int take_scanned(struct choice *c, enum scanned found, const struct buffer *json,
			struct weir_text before, size_t end, struct weir_error *err)
{
	if (found == SCANNED_OBJECT)
		return take_found(c, json, before, end, err);
	if (found == SCANNED_CUT)
		refuse(c, "it ends before the object does");
	else if (found == SCANNED_BROKEN)
		refuse(c, "what it holds is not JSON");
	else
		refuse(c, "there are too many braces in it");
	return 0;
}

/* Looks for objects in what is for the reader. What is broken behind the last one may have been a
 * better answer, so that one is not taken. */
static int choose_among(struct choice *c, struct weir_text text, struct weir_error *err)
{
	struct answer_scan scan = {.text = text};
	struct buffer json = BUFFER_INIT;
	size_t begin = 0, end = 0;
	enum scanned found;
	int rc = 0;

	while (rc == 0 && (found = answer_next(&scan, &json, &begin, &end)) != SCANNED_END) {
		struct weir_text before = {text.data + c->end, begin > c->end ? begin - c->end : 0};

		rc = take_scanned(c, found, &json, before, end, err);
		scan.found = c->object != NULL;
		if (found == SCANNED_TANGLED)
			break;
	}
	c->ended = scan.at < text.size;
	if (rc == 0 && c->object != NULL && *c->fault.code == '\0' && scan.at >= c->end)
		c->doubt |=
			answer_taken_back((struct weir_text){text.data + c->end, scan.at - c->end});
	buffer_release(&json);
	return rc;
}

/* ---- JSON that was written as a text ---- */

/* "{\"a\": 1}", or the same without the quotes around it. NULL: it is none. */
static json_t *unescape(struct weir_text text)
{
	const char *begin = memchr(text.data, '{', text.size);
	const char *end = memrchr(text.data, '}', text.size);
	struct buffer quoted = BUFFER_INIT;
	json_t *inner = NULL;

	if (begin == NULL || end == NULL || end < begin ||
	    memmem(begin, (size_t)(end - begin), "\\\"", 2) == NULL)
		return NULL;
	buffer_add_char(&quoted, '"');
	buffer_add(&quoted, begin, (size_t)(end - begin) + 1);
	buffer_add_char(&quoted, '"');
	if (buffer_text(&quoted) != NULL)
		inner = json_loadb(quoted.data, quoted.size, JSON_DECODE_ANY, NULL);
	buffer_release(&quoted);
	return inner;
}

static int choose_unescaped(struct choice *c, struct weir_text text, struct weir_error *err)
{
	json_t *inner = unescape(text);
	int rc = 0;

	if (inner != NULL) {
		rc = choose_whole(
			c, (struct weir_text){json_string_value(inner), json_string_length(inner)},
			err);
		c->end = text.size;
	}
	json_decref(inner);
	return rc < 0 ? -1 : 0;
}

/* ---- together ---- */

/* Nothing that says something is behind the object: what was cut off was nothing. */
static bool is_rest_blank(struct weir_text text, size_t end)
{
	for (size_t i = end; i < text.size; i++) {
		if (answer_turn_ends(text, i))
			return true;
		if (strchr(" \t\r\n`", text.data[i]) == NULL)
			return false;
	}
	return true;
}

static int choose_answer(struct choice *c, struct weir_text text, struct buffer *visible,
			 struct weir_error *err)
{
	bool open;
	int rc = choose_whole(c, text, err);

	if (rc != 0)
		return rc;
	answer_visible(text, visible, &open);
	if (buffer_failed(visible))
		return weir_fail_memory(err);
	text = text_trim(
		(struct weir_text){visible->data != NULL ? visible->data : "", visible->size});
	if (text.size == 0 && !open)
		return weir_fail(err, "bad_answer", "The answer is empty.");
	*c->fault.code = '\0';
	if (choose_among(c, text, err) < 0)
		return -1;
	if (c->object == NULL && choose_unescaped(c, text, err) < 0)
		return -1;
	if (open && !c->ended) /* what came before may have been a draft */
		refuse(c, "it ends in thinking, which does not end");
	return 0;
}

/* Of what was chosen: -1, and why it is of no use. */
static int check_choice(struct choice *c, struct buffer *json, struct weir_error *err)
{
	json_t *object = c->object != NULL ? c->object : c->other, *again = NULL;
	size_t size = object != NULL ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;
	size_t before = json->size;
	struct weir_error why;

	if (*c->fault.code != '\0') {
		*err = c->fault;
		return -1;
	}
	if (c->doubt)
		return weir_fail(err, "bad_answer",
				 NOT_ONE ": there are several that differ, or it is taken back.");
	if (object == NULL)
		return weir_fail(err, "bad_answer", NOT_ONE ", and there is none in this.");
	if (size > ANSWER_MAX)
		return weir_fail(err, "bad_answer", "The answer has %zu bytes, at most %d may be.",
				 size, ANSWER_MAX);
	if (check_object(c->template, object, json, err) < 0)
		return -1;
	if (message_parse_json(json->data + before, json->size - before, ANSWER_DEPTH_MAX, &again,
			       &why) < 0) { /* it was parsed with room for what is around it */
		json->size = before;
		return no_memory(&why) ? weir_fail_memory(err)
				       : weir_fail(err, "bad_answer", NOT_ONE ": %s.", why.text);
	}
	json_decref(again);
	return 0;
}

int template_check(const struct template *t, struct weir_text answer, bool cut, struct buffer *json,
		   struct weir_error *err)
{
	struct choice c = {.template = t, .kept = BUFFER_INIT};
	struct buffer visible = BUFFER_INIT;
	struct weir_text text = text_trim(answer);
	size_t before = json->size;
	int rc = text.size > 0 ? choose_answer(&c, text, &visible, err)
			       : weir_fail(err, "bad_answer", "The answer is empty.");

	if (rc >= 0 && visible.size > 0)
		text = text_trim((struct weir_text){visible.data, visible.size});
	if (rc >= 0)
		rc = check_choice(&c, json, err);
	if (rc == 0 && cut && !is_rest_blank(text, c.end)) {
		rc = weir_fail(err, "bad_answer", NOT_ONE ": it was cut.");
		json->size = before;
	}
	buffer_release(&visible);
	buffer_release(&c.kept);
	json_decref(c.object);
	json_decref(c.root);
	json_decref(c.other);
	return rc;
}
