#include "yaml_node.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct yaml_node *at(const struct yaml *y, int node)
{
	return (const struct yaml_node *)(const void *)y->nodes.data + node;
}

int yaml_root(const struct yaml *y) { return y->root; }

enum yaml_type yaml_type(const struct yaml *y, int node)
{
	return node < 0 ? YAML_NULL : at(y, node)->type;
}

int yaml_line(const struct yaml *y, int node) { return node < 0 ? 0 : at(y, node)->line; }

size_t yaml_size(const struct yaml *y, int node)
{
	switch (yaml_type(y, node)) {
	case YAML_MAP:
		return at(y, node)->size / 2;
	case YAML_LIST:
		return at(y, node)->size;
	default:
		return 0;
	}
}

static int child(const struct yaml *y, int node, size_t i)
{
	return ((const int *)(const void *)y->children.data)[at(y, node)->first + i];
}

int yaml_at(const struct yaml *y, int node, size_t i, int *key)
{
	bool map = yaml_type(y, node) == YAML_MAP;

	if (key != NULL)
		*key = -1;
	if (i >= yaml_size(y, node))
		return -1;
	if (map && key != NULL)
		*key = child(y, node, 2 * i);
	return child(y, node, map ? 2 * i + 1 : i);
}

int yaml_find(const struct yaml *y, int map, const char *key)
{
	for (size_t i = 0; yaml_type(y, map) == YAML_MAP && i < yaml_size(y, map); i++) {
		int name, value = yaml_at(y, map, i, &name);
		const char *text = yaml_text(y, name);

		if (text != NULL && strcmp(text, key) == 0)
			return value;
	}
	return -1;
}

const char *yaml_scalar(const struct yaml *y, int node)
{
	if (node < 0 || at(y, node)->type == YAML_MAP || at(y, node)->type == YAML_LIST)
		return NULL;
	return y->texts.data + at(y, node)->first;
}

const char *yaml_text(const struct yaml *y, int node)
{
	return yaml_type(y, node) == YAML_TEXT ? yaml_scalar(y, node) : NULL;
}

/* ---- YAML 1.2, 10.3.2: what plain scalars are in the core schema ---- */

static bool is_one_of(const char *text, const char *const words[3])
{
	for (int i = 0; i < 3; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

bool yaml_is_null(const char *text)
{
	static const char *const words[] = {"null", "Null", "NULL"};

	return *text == '\0' || strcmp(text, "~") == 0 || is_one_of(text, words);
}

static size_t digits(const char *text) { return strspn(text, "0123456789"); }

static bool is_integer(const char *text)
{
	if (strncmp(text, "0x", 2) == 0)
		return text[2] != '\0' &&
		       text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0';
	if (strncmp(text, "0o", 2) == 0)
		return text[2] != '\0' && text[2 + strspn(text + 2, "01234567")] == '\0';
	text += *text == '-' || *text == '+';
	return *text != '\0' && text[digits(text)] == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_real(const char *text)
{
	size_t whole, part = 0;

	text += *text == '-' || *text == '+';
	whole = digits(text);
	text += whole;
	if (*text == '.') {
		part = digits(text + 1);
		text += 1 + part;
	}
	if (whole == 0 && part == 0)
		return false;
	if (*text != 'e' && *text != 'E')
		return *text == '\0';
	text++;
	text += *text == '-' || *text == '+';
	return *text != '\0' && text[digits(text)] == '\0';
}

/* One beyond 64 bits stays the text that it is, with all its digits. */
static json_t *integer_json(const char *text)
{
	int base = text[0] == '0' && text[1] == 'x'   ? 16
		   : text[0] == '0' && text[1] == 'o' ? 8
						      : 10;
	long long number;

	errno = 0;
	number = strtoll(base == 10 ? text : text + 2, NULL, base);
	return errno != 0 ? json_string(text) : json_integer(number);
}

static json_t *real_json(const char *text)
{
	double number = strtod(text, NULL);

	return isfinite(number) ? json_real(number) : json_string(text);
}

static json_t *plain_json(const char *text)
{
	static const char *const yes[] = {"true", "True", "TRUE"};
	static const char *const no[] = {"false", "False", "FALSE"};

	if (is_one_of(text, yes))
		return json_true();
	if (is_one_of(text, no))
		return json_false();
	if (is_integer(text))
		return integer_json(text);
	return is_real(text) ? real_json(text) : json_string(text);
}

/* What is no number as JSON knows it: more than 64 bits, more than a double, and none at all. */
bool yaml_is_beyond(const struct yaml *y, int node)
{
	static const char *const odd[] = {".nan", ".inf", "+.inf", "-.inf"};
	const char *text = yaml_text(y, node);
	json_t *json;
	bool beyond;

	if (text == NULL || !at(y, node)->plain)
		return false;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (strcasecmp(text, odd[i]) == 0)
			return true;
	json = is_integer(text) || is_real(text) ? plain_json(text) : NULL;
	beyond = json_is_string(json);
	json_decref(json);
	return beyond;
}

static json_t *list_json(const struct yaml *y, int node)
{
	json_t *made = json_array();

	for (size_t i = 0; made != NULL && i < yaml_size(y, node); i++)
		if (json_array_append_new(made, yaml_json(y, yaml_at(y, node, i, NULL))) < 0) {
			json_decref(made);
			return NULL;
		}
	return made;
}

/* A key that is a map or list becomes its own JSON. */
static int set_entry(const struct yaml *y, json_t *map, int key, int value)
{
	const char *name = yaml_scalar(y, key);
	json_t *odd = name == NULL ? yaml_json(y, key) : NULL;
	char *text = odd != NULL ? json_dumps(odd, JSON_COMPACT) : NULL;
	int rc = -1;

	if (name == NULL)
		name = text;
	if (name != NULL)
		rc = json_object_set_new(map, name, yaml_json(y, value));
	free(text);
	json_decref(odd);
	return rc;
}

static json_t *object_json(const struct yaml *y, int node)
{
	json_t *made = json_object();

	for (size_t i = 0; made != NULL && i < yaml_size(y, node); i++) {
		int key, value = yaml_at(y, node, i, &key);

		if (set_entry(y, made, key, value) < 0) {
			json_decref(made);
			return NULL;
		}
	}
	return made;
}

/* Calls itself YAML_DEPTH_MAX times at the most. */
json_t *yaml_json(const struct yaml *y, int node)
{
	switch (yaml_type(y, node)) {
	case YAML_MAP:
		return object_json(y, node);
	case YAML_LIST:
		return list_json(y, node);
	case YAML_TEXT:
		return at(y, node)->plain ? plain_json(yaml_text(y, node))
					  : json_string(yaml_text(y, node));
	case YAML_NULL:
		break;
	}
	return json_null();
}
