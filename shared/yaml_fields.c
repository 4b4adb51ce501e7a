#include "yaml_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "weir/nearest.h"
#include "weir/option.h"

int yaml_fault(const struct yaml_source *from, int node, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	faults_add(from->faults, from->file, yaml_line(from->yaml, node), "%s", text);
	return -1;
}

/* ---- numbers ---- */

static int read_integer(const char *text, int64_t *out)
{
	const char *first = text + (*text == '-');
	char *end;
	long long number;

	if (*first < '0' || *first > '9')
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return -1;
	*out = number;
	return 0;
}

static int read_bytes(const char *text, int64_t *out)
{
	static const struct {
		const char *name;
		int64_t bytes;
	} units[] = {
		{"", 1},	  {"B", 1},	      {"KB", 1000},
		{"MB", 1000000},  {"GB", 1000000000}, {"KiB", 1 << 10},
		{"MiB", 1 << 20}, {"GiB", 1 << 30},
	};
	char *end;
	long long number;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	end += *end == ' ';
	for (size_t i = 0; errno == 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].name) == 0)
			return __builtin_mul_overflow(number, units[i].bytes, out) ? -1 : 0;
	return -1;
}

int yaml_money(const char *text, int64_t *out)
{
	int64_t value = 0;
	int places = -1; /* behind the point; -1: it has not come */
	bool digit = false;

	for (; *text != '\0'; text++) {
		if (*text == '.' && places < 0) {
			places = 0;
			continue;
		}
		if (*text < '0' || *text > '9' || places == 6 ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *text - '0', &value))
			return -1;
		digit = true;
		places += places >= 0;
	}
	for (places = places < 0 ? 0 : places; places < 6; places++)
		if (__builtin_mul_overflow(value, 10, &value))
			return -1;
	if (!digit)
		return -1;
	*out = value;
	return 0;
}

/* How a type is read, and what is said of one that is none. */
static const struct number_type {
	int (*read)(const char *text, int64_t *out);
	const char *what;
} number_types[] = {
	[FIELD_INTEGER] = {read_integer, "a whole number"},
	[FIELD_TIME] = {option_time, "a time (250ms, 5s, 10m, 1h, 30d)"},
	[FIELD_BYTES] = {read_bytes, "a size (4096, 64KB, 100MB, 1GiB)"},
	[FIELD_MONEY] = {yaml_money, "a decimal number with at most six places"},
};

static void format_bound(const struct yaml_field *row, int64_t bound, char out[32])
{
	if (row->type == FIELD_MONEY)
		snprintf(out, 32, "%" PRId64, bound / 1000000);
	else if (row->type != FIELD_TIME)
		snprintf(out, 32, "%" PRId64, bound);
	else if (bound % 1000 == 0)
		snprintf(out, 32, "%" PRId64 "s", bound / 1000);
	else
		snprintf(out, 32, "%" PRId64 "ms", bound);
}

static int set_number(const struct yaml_source *from, int node, const struct yaml_field *row,
		      const char *text, int64_t *out)
{
	const struct number_type *type = &number_types[row->type];
	char least[32], most[32];
	int64_t value;

	if (type->read(text, &value) < 0)
		return yaml_fault(from, node, "%s: \"%.60s\" is not %s", row->name, text,
				  type->what);
	if (value < row->least || value > row->most) {
		format_bound(row, row->least, least);
		format_bound(row, row->most, most);
		return yaml_fault(from, node, "%s: %.60s is not within %s and %s", row->name, text,
				  least, most);
	}
	*out = value;
	return 0;
}

/* ---- other values ---- */

static int set_text(const struct yaml_source *from, int node, const struct yaml_field *row,
		    const char *text, char **out)
{
	size_t size = strlen(text);
	char *copy;

	if (size < (size_t)row->least || size > (size_t)row->most)
		return yaml_fault(from, node, "%s: %zu bytes, not within %" PRId64 " and %" PRId64,
				  row->name, size, row->least, row->most);
	copy = strdup(text);
	if (copy == NULL)
		return yaml_fault(from, -1, "out of memory");
	free(*out);
	*out = copy;
	return 0;
}

static int set_word(const struct yaml_source *from, int node, const struct yaml_field *row,
		    const char *text, int *out)
{
	struct buffer list = BUFFER_INIT;
	int rc;

	for (int i = 0; row->words[i] != NULL; i++) {
		if (strcmp(text, row->words[i]) == 0) {
			*out = i;
			buffer_release(&list);
			return 0;
		}
		buffer_printf(&list, "%s%s", i > 0 ? ", " : "", row->words[i]);
	}
	rc = yaml_fault(from, node, "%s: \"%.60s\" is not one of %s", row->name, text,
			buffer_text(&list) != NULL ? list.data : "those that there are");
	buffer_release(&list);
	return rc;
}

static int set_flag(const struct yaml_source *from, int node, const struct yaml_field *row,
		    const char *text, bool *out)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return yaml_fault(from, node, "%s: \"%.60s\" is not true or false", row->name,
				  text);
	*out = yes;
	return 0;
}

static int set_value(const struct yaml_source *from, int node, const struct yaml_field *row,
		     const char *text, void *into)
{
	void *at = (char *)into + row->offset;

	switch (row->type) {
	case FIELD_TEXT:
		return set_text(from, node, row, text, at);
	case FIELD_WORD:
		return set_word(from, node, row, text, at);
	case FIELD_FLAG:
		return set_flag(from, node, row, text, at);
	default:
		return set_number(from, node, row, text, at);
	}
}

/* ---- maps ---- */

static int read_field(const struct yaml_source *from, int map, const struct yaml_field *row,
		      void *into)
{
	int node = yaml_find(from->yaml, map, row->name);
	const char *text = yaml_text(from->yaml, node);

	if (row->type == FIELD_NODE)
		*(int *)(void *)((char *)into + row->offset) = node;
	if (node < 0 && row->required)
		return yaml_fault(from, map, "%s is missing", row->name);
	if (row->type == FIELD_NODE)
		return 0;
	if (node < 0)
		return row->preset != NULL ? set_value(from, map, row, row->preset, into) : 0;
	if (yaml_type(from->yaml, node) == YAML_NULL)
		return yaml_fault(from, node, "%s: a value is missing", row->name);
	if (text == NULL)
		return yaml_fault(from, node, "%s: a single value is wanted, not a map or list",
				  row->name);
	return set_value(from, node, row, text, into);
}

static bool is_known(const struct yaml_field *rows, const char *name, struct nearest *nearest)
{
	nearest_init(nearest, name);
	for (; rows->type != FIELD_END; rows++) {
		if (strcmp(rows->name, name) == 0)
			return true;
		nearest_try(nearest, rows->name);
	}
	return false;
}

static int refuse_unknown(const struct yaml_source *from, int map, const struct yaml_field *rows)
{
	int rc = 0;

	for (size_t i = 0; i < yaml_size(from->yaml, map); i++) {
		struct nearest nearest;
		int key;
		const char *name;

		(void)yaml_at(from->yaml, map, i, &key);
		name = yaml_text(from->yaml, key);
		if (name == NULL)
			rc = yaml_fault(from, key, "a name is wanted here");
		else if (!is_known(rows, name, &nearest))
			rc = *nearest.name != '\0'
				     ? yaml_fault(from, key,
						  "there is no field %.60s; did you mean %s?", name,
						  nearest.name)
				     : yaml_fault(from, key, "there is no field %.60s", name);
	}
	return rc;
}

int yaml_fields_read(const struct yaml_source *from, int map, const char *what,
		     const struct yaml_field *rows, void *into)
{
	int rc;

	if (yaml_type(from->yaml, map) != YAML_MAP && yaml_type(from->yaml, map) != YAML_NULL)
		return yaml_fault(from, map, "%s: a map of fields is wanted", what);
	rc = refuse_unknown(from, map, rows);
	for (; rows->type != FIELD_END; rows++)
		if (read_field(from, map, rows, into) < 0)
			rc = -1;
	return rc;
}

void yaml_fields_release(const struct yaml_field *rows, void *into)
{
	for (; rows->type != FIELD_END; rows++) {
		char **text = (char **)(void *)((char *)into + rows->offset);

		if (rows->type != FIELD_TEXT)
			continue;
		free(*text);
		*text = NULL;
	}
}
