#include "weir/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "weir/nearest.h"
#include "weir/secret.h"

enum {
	NAME_MAX_BYTES = 128, /* of an option's full name, with its NUL */
	LIST_MAX = sizeof(((struct weir_list *)0)->items) / sizeof(char *),
	LINE_COLUMNS = 80,
	HELP_COLUMN = 30
};

/* A row with what is around it. */
struct setting {
	const struct option_group *group;
	const struct weir_option *row;
	size_t slot; /* its number among the rows of all groups */
};

struct parse {
	const struct option_group *groups;
	size_t count;
	bool *given; /* by slot: the command line had it */
	bool early;
	int argc;
	char **argv;
};

/* ---- walking the rows ---- */

/* The first row, or the one behind it; false at the end. Start with a zeroed setting. */
static bool setting_next(const struct option_group *groups, size_t count, struct setting *s)
{
	const struct option_group *g = s->group ? s->group : groups;
	const struct weir_option *row = s->row ? s->row + 1 : NULL;

	if (s->row)
		s->slot++;
	for (; g < groups + count; g++, row = NULL) {
		if (!row)
			row = g->rows;
		if (!row || row->type == WEIR_OPTION_END)
			continue;
		s->group = g;
		s->row = row;
		return true;
	}
	return false;
}

static void *setting_field(const struct setting *s)
{
	return (char *)s->group->config + s->row->offset;
}

/* The name on the command line, without its dashes. */
static void setting_name(const struct setting *s, char name[NAME_MAX_BYTES])
{
	if (s->group->prefix)
		snprintf(name, NAME_MAX_BYTES, "%s.%s", s->group->prefix, s->row->name);
	else
		snprintf(name, NAME_MAX_BYTES, "%s", s->row->name);
}

static void setting_variable(const struct setting *s, const char *suffix,
			     char variable[NAME_MAX_BYTES])
{
	char name[NAME_MAX_BYTES];

	setting_name(s, name);
	snprintf(variable, NAME_MAX_BYTES, "WEIR_%.100s%s", name, suffix);
	for (char *c = variable; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
		else if (*c == '-' || *c == '.')
			*c = '_';
	}
}

/* ---- values ---- */

struct unit {
	const char *name;
	int64_t ms;
};

static const struct unit units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

int option_time(const char *text, int64_t *ms)
{
	char *end;
	long long number;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) == 0)
			return __builtin_mul_overflow(number, units[i].ms, ms) ? -1 : 0;
	}
	return -1;
}

static int parse_integer(const char *text, int64_t *out)
{
	const char *digits = text + (*text == '-');
	char *end;
	long long number;

	if (*digits < '0' || *digits > '9')
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end)
		return -1;
	*out = number;
	return 0;
}

static int parse_flag(const char *text, int64_t *out)
{
	static const char *const words[] = {"0", "1", "false", "true", "no", "yes"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = (int64_t)(i % 2);
			return 0;
		}
	}
	return -1;
}

/* Writes a number as people give it: a TIME in the largest unit that leaves no rest. */
static void format_number(enum weir_option_type type, int64_t value, char out[32])
{
	const struct unit *u = units;

	if (type != WEIR_OPTION_TIME) {
		snprintf(out, 32, "%" PRId64, value);
		return;
	}
	while (u->ms > 1 && (value == 0 || value % u->ms))
		u++;
	snprintf(out, 32, "%" PRId64 "%s", value / u->ms, u->name);
}

static bool has_upper_bound(const struct weir_option *row)
{
	return row->most >= row->least && (row->most || row->least);
}

static void format_bounds(const struct weir_option *row, char out[96])
{
	char least[32], most[32];

	format_number(row->type, row->least, least);
	format_number(row->type, row->most, most);
	if (has_upper_bound(row))
		snprintf(out, 96, "from %s to %s", least, most);
	else
		snprintf(out, 96, "of at least %s", least);
}

static int fail_number(const struct weir_option *row, const char *label, const char *text,
		       struct weir_error *err)
{
	char bounds[96];

	format_bounds(row, bounds);
	if (row->type == WEIR_OPTION_TIME)
		return weir_fail(err, "bad_value",
				 "%s: \"%.100s\" is not a time %s (written 250ms, 5s, 10m, 1h "
				 "or 30d)",
				 label, text, bounds);
	return weir_fail(err, "bad_value", "%s: \"%.100s\" is not a whole number %s%s%s", label,
			 text, bounds, row->unit ? " " : "", row->unit ? row->unit : "");
}

static int set_number(const struct setting *s, const char *label, const char *text,
		      struct weir_error *err)
{
	const struct weir_option *row = s->row;
	int64_t number;

	if ((row->type == WEIR_OPTION_TIME ? option_time : parse_integer)(text, &number) < 0)
		return fail_number(row, label, text, err);
	if (number < row->least || (has_upper_bound(row) && number > row->most))
		return fail_number(row, label, text, err);
	*(int64_t *)setting_field(s) = number;
	return 0;
}

static int set_flag(const struct setting *s, const char *label, const char *text,
		    struct weir_error *err)
{
	if (parse_flag(text, setting_field(s)) < 0)
		return weir_fail(err, "bad_value",
				 "%s: \"%.100s\" is not one of 1, true, yes, 0, false, no", label,
				 text);
	return 0;
}

static int set_text(const struct setting *s, const char *text, struct weir_error *err)
{
	char **field = setting_field(s);
	char *copy = strdup(text);

	if (!copy)
		return weir_fail_memory(err);
	free(*field);
	*field = copy;
	return 0;
}

static int list_add(const struct setting *s, const char *label, const char *text, size_t size,
		    struct weir_error *err)
{
	struct weir_list *list = setting_field(s);
	char *copy;

	if (list->size == LIST_MAX)
		return weir_fail(err, "bad_value", "%s: more than %d entries", label, LIST_MAX);
	copy = strndup(text, size);
	if (!copy)
		return weir_fail_memory(err);
	list->items[list->size++] = copy;
	return 0;
}

/* Entries between commas; empty ones are passed over. */
static int set_list(const struct setting *s, const char *label, const char *text,
		    struct weir_error *err)
{
	while (*text) {
		size_t size = strcspn(text, ",");

		if (size && list_add(s, label, text, size, err) < 0)
			return -1;
		text += size + (text[size] == ',');
	}
	return 0;
}

/* A value from the environment or a preset. label names its origin in errors. */
static int set_value(const struct setting *s, const char *label, const char *text,
		     struct weir_error *err)
{
	switch (s->row->type) {
	case WEIR_OPTION_INTEGER:
	case WEIR_OPTION_TIME:
		return set_number(s, label, text, err);
	case WEIR_OPTION_FLAG:
		return set_flag(s, label, text, err);
	case WEIR_OPTION_LIST:
		return set_list(s, label, text, err);
	case WEIR_OPTION_TEXT:
	case WEIR_OPTION_SECRET:
		return set_text(s, text, err);
	case WEIR_OPTION_END:
		break;
	}
	return weir_fail(err, "bad_value", "%s: its row has no known type", label);
}

/* ---- the environment ---- */

static int set_from_secret_file(const struct setting *s, const char *variable, const char *path,
				struct weir_error *err)
{
	char *text;
	if (secret_read(variable, path, &text, err) < 0)
		return -1;
	int rc = set_text(s, text, err);
	secret_free(text);
	return rc;
}

static const char *environment(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value ? value : NULL;
}

static int set_from_environment(const struct setting *s, struct weir_error *err)
{
	char variable[NAME_MAX_BYTES];
	const char *value = NULL;

	setting_variable(s, "", variable);
	if (!s->group->no_environment)
		value = environment(variable);
	if (value)
		return set_value(s, variable, value, err);
	if (s->row->type == WEIR_OPTION_SECRET && !s->group->no_environment) {
		setting_variable(s, "_FILE", variable);
		value = environment(variable);
		if (value)
			return set_from_secret_file(s, variable, value, err);
	}
	if (!s->row->preset)
		return 0;
	setting_variable(s, " (preset)", variable);
	return set_value(s, variable, s->row->preset, err);
}

/* ---- the command line ---- */

static bool setting_find(const struct parse *p, const char *name, size_t size, struct setting *out)
{
	struct setting s = {0};
	char full[NAME_MAX_BYTES];

	while (setting_next(p->groups, p->count, &s)) {
		setting_name(&s, full);
		if (strlen(full) == size && memcmp(full, name, size) == 0) {
			*out = s;
			return true;
		}
	}
	return false;
}

/* name holds the option as it was given, without dashes and value. */
static int fail_unknown(const struct parse *p, const char *dashes, const char *name,
			struct weir_error *err)
{
	struct setting s = {0};
	struct nearest nearest;
	char full[NAME_MAX_BYTES];

	nearest_init(&nearest, name);
	while (setting_next(p->groups, p->count, &s)) {
		if (s.row->type == WEIR_OPTION_SECRET)
			continue;
		setting_name(&s, full);
		nearest_try(&nearest, full);
	}
	if (*nearest.name)
		return weir_fail(err, "unknown_option",
				 "there is no option %s%s; did you mean --%s?", dashes, name,
				 nearest.name);
	return weir_fail(err, "unknown_option", "there is no option %s%s; --help shows them all",
			 dashes, name);
}

static int fail_secret(const struct setting *s, const char *label, struct weir_error *err)
{
	char variable[NAME_MAX_BYTES];

	setting_variable(s, "", variable);
	return weir_fail(err, "unknown_option",
			 "%s: secrets come from the environment, not from the command line, which "
			 "others can read: set %s, or %s_FILE to the name of a file",
			 label, variable, variable);
}

static int set_argument_flag(const struct setting *s, const char *label, const char *value, bool on,
			     struct weir_error *err)
{
	if (value)
		return weir_fail(err, "bad_value", "%s takes no value; write %s or --no-%s", label,
				 label, label + 2);
	*(int64_t *)setting_field(s) = on;
	return 0;
}

/* Takes one option that is in the rows. value: what came behind its "=", or NULL; else it is the
 * next argument, and *at moves on. */
static int take_known(struct parse *p, const struct setting *s, const char *value, int *at,
		      struct weir_error *err)
{
	char name[NAME_MAX_BYTES], label[NAME_MAX_BYTES + 2];

	setting_name(s, name);
	snprintf(label, sizeof(label), "--%s", name);
	if (s->row->type == WEIR_OPTION_SECRET)
		return fail_secret(s, label, err);
	p->given[s->slot] = true;
	if (s->row->type == WEIR_OPTION_FLAG)
		return set_argument_flag(s, label, value, true, err);
	if (!value && *at + 1 >= p->argc)
		return weir_fail(err, "missing_value", "%s needs a value", label);
	if (!value)
		value = p->argv[++*at];
	if (s->row->type == WEIR_OPTION_LIST)
		return list_add(s, label, value, strlen(value), err);
	return set_value(s, label, value, err);
}

/* argv[*at] begins with a dash. */
static int take_option(struct parse *p, int *at, struct weir_error *err)
{
	const char *text = p->argv[*at];
	size_t dashes = strspn(text, "-") == 1 ? 1 : 2;
	const char *name = text + dashes;
	size_t size = strcspn(name, "=");
	const char *value = name[size] ? name + size + 1 : NULL;
	char copy[NAME_MAX_BYTES];
	struct setting s;

	if (dashes == 2 && setting_find(p, name, size, &s))
		return take_known(p, &s, value, at, err);
	if (dashes == 2 && size > 3 && strncmp(name, "no-", 3) == 0 &&
	    setting_find(p, name + 3, size - 3, &s) && s.row->type == WEIR_OPTION_FLAG) {
		p->given[s.slot] = true;
		snprintf(copy, sizeof(copy), "--%.*s", (int)size - 3, name + 3);
		return set_argument_flag(&s, copy, value, false, err);
	}
	if (p->early)
		return 0;
	snprintf(copy, sizeof(copy), "%.*s", size < 60 ? (int)size : 60, name);
	return fail_unknown(p, dashes == 1 ? "-" : "--", copy, err);
}

/* Moves argv[at] down to the plain arguments, which keep their order; the rest moves up. */
static void move_plain(struct parse *p, int at, int plain)
{
	char *argument = p->argv[at];

	for (; at > plain; at--)
		p->argv[at] = p->argv[at - 1];
	p->argv[plain] = argument;
}

static int parse_arguments(struct parse *p, int *plain, struct weir_error *err)
{
	bool options_over = false;

	*plain = 0;
	for (int at = 0; at < p->argc; at++) {
		const char *text = p->argv[at];

		if (!options_over && strcmp(text, "--") == 0)
			options_over = true;
		else if (!options_over && text[0] == '-' && text[1]) {
			if (take_option(p, &at, err) < 0)
				return -1;
		} else if (!p->early) {
			move_plain(p, at, (*plain)++);
		}
	}
	return 0;
}

static int parse_environment(const struct parse *p, struct weir_error *err)
{
	struct setting s = {0};

	while (setting_next(p->groups, p->count, &s)) {
		if (!p->given[s.slot] && set_from_environment(&s, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_all(struct parse *p, int *plain, struct weir_error *err)
{
	struct setting s = {0};
	size_t slots = 1;
	int number = 0, rc;

	while (setting_next(p->groups, p->count, &s))
		slots++;
	p->given = calloc(slots, sizeof(*p->given));
	if (!p->given)
		return weir_fail_memory(err);
	rc = parse_arguments(p, &number, err);
	if (rc == 0 && number && !plain)
		rc = weir_fail(err, "unexpected_argument", "\"%.100s\" is one argument too many",
			       p->argv[0]);
	if (rc == 0)
		rc = parse_environment(p, err);
	free(p->given);
	if (rc < 0)
		options_release(p->groups, p->count);
	else if (plain)
		*plain = number;
	return rc;
}

int options_parse(const struct option_group *groups, size_t count, int argc, char **argv,
		  int *plain, struct weir_error *err)
{
	struct parse p = {.groups = groups, .count = count, .argc = argc, .argv = argv};

	return parse_all(&p, plain, err);
}

int options_parse_early(const struct option_group *groups, size_t count, int argc, char **argv,
			struct weir_error *err)
{
	struct parse p = {
		.groups = groups, .count = count, .argc = argc, .argv = argv, .early = true};

	return parse_all(&p, NULL, err);
}

/* ---- release ---- */

static void release_text(char **field, bool secret)
{
	if (*field && secret)
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = NULL;
}

static void release_list(struct weir_list *list)
{
	for (size_t i = 0; i < list->size; i++)
		release_text(&list->items[i], false);
	list->size = 0;
}

void options_release(const struct option_group *groups, size_t count)
{
	struct setting s = {0};

	while (setting_next(groups, count, &s)) {
		if (s.row->type == WEIR_OPTION_TEXT || s.row->type == WEIR_OPTION_SECRET)
			release_text(setting_field(&s), s.row->type == WEIR_OPTION_SECRET);
		else if (s.row->type == WEIR_OPTION_LIST)
			release_list(setting_field(&s));
	}
}

/* ---- help and sample ---- */

/* Text that is set word by word within the columns left..LINE_COLUMNS. */
struct paragraph {
	FILE *out;
	const char *margin; /* printed at the start of each further line, up to left */
	size_t left, column;
};

static void paragraph_word(struct paragraph *p, const char *word, size_t size)
{
	if (p->column > p->left && p->column + 1 + size > LINE_COLUMNS) {
		fprintf(p->out, "\n%-*s", (int)p->left, p->margin);
		p->column = p->left;
	}
	if (p->column > p->left) {
		putc(' ', p->out);
		p->column++;
	}
	fwrite(word, 1, size, p->out);
	p->column += size;
}

static void paragraph_add(struct paragraph *p, const char *text)
{
	while (*text) {
		size_t size = strcspn(text, " ");

		if (size)
			paragraph_word(p, text, size);
		text += size + (text[size] == ' ');
	}
}

static const char *setting_unit(const struct weir_option *row)
{
	static const char *const by_type[] = {
		[WEIR_OPTION_TEXT] = "TEXT",	 [WEIR_OPTION_INTEGER] = "NUMBER",
		[WEIR_OPTION_TIME] = "TIME",	 [WEIR_OPTION_LIST] = "TEXT",
		[WEIR_OPTION_SECRET] = "SECRET",
	};

	return row->unit ? row->unit : by_type[row->type];
}

/* The left column: the option and its value. */
static void format_usage(const struct setting *s, char out[2 * NAME_MAX_BYTES])
{
	char name[NAME_MAX_BYTES];
	int64_t on;

	setting_name(s, name);
	if (s->row->type == WEIR_OPTION_SECRET) {
		setting_variable(s, "", name);
		snprintf(out, 2 * NAME_MAX_BYTES, "  %s[_FILE]", name);
	} else if (s->row->type != WEIR_OPTION_FLAG) {
		snprintf(out, 2 * NAME_MAX_BYTES, "  --%s %s%s", name, setting_unit(s->row),
			 s->row->type == WEIR_OPTION_LIST ? " ..." : "");
	} else if (s->row->preset && parse_flag(s->row->preset, &on) == 0 && on) {
		snprintf(out, 2 * NAME_MAX_BYTES, "  --no-%s", name);
	} else {
		snprintf(out, 2 * NAME_MAX_BYTES, "  --%s", name);
	}
}

/* What stands in brackets behind the help. */
static void help_origin(struct paragraph *p, const struct setting *s)
{
	char variable[NAME_MAX_BYTES], text[NAME_MAX_BYTES + 2];
	const char *preset = s->row->type == WEIR_OPTION_FLAG ? NULL : s->row->preset;

	bool named = s->row->type != WEIR_OPTION_SECRET && !s->group->no_environment;

	setting_variable(s, "", variable);
	if (named) {
		snprintf(text, sizeof(text), "(%s%s", variable, preset ? "," : ")");
		paragraph_add(p, text);
	}
	if (preset) {
		paragraph_add(p, named ? "preset" : "(preset");
		snprintf(text, sizeof(text), "%.100s)", preset);
		paragraph_add(p, text);
	}
}

static void help_row(const struct setting *s, FILE *out)
{
	struct paragraph p = {.out = out, .margin = "", .left = HELP_COLUMN, .column = HELP_COLUMN};
	char usage[2 * NAME_MAX_BYTES];

	format_usage(s, usage);
	if (strlen(usage) + 2 > HELP_COLUMN)
		fprintf(out, "%s\n%*s", usage, HELP_COLUMN, "");
	else
		fprintf(out, "%-*s", HELP_COLUMN, usage);
	if (s->row->help)
		paragraph_add(&p, s->row->help);
	help_origin(&p, s);
	putc('\n', out);
}

void options_help(const struct option_group *groups, size_t count, FILE *out)
{
	const struct option_group *shown = NULL;
	struct setting s = {0};

	while (setting_next(groups, count, &s)) {
		if (s.group != shown && s.group->title)
			fprintf(out, "%s%s:\n", shown ? "\n" : "", s.group->title);
		shown = s.group;
		help_row(&s, out);
	}
}

/* Within single quotes a shell takes all but a single quote as it is. */
static void print_quoted(const char *text, FILE *out)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_./:,@%+=-";

	if (text[strspn(text, safe)] == '\0') {
		fputs(text, out);
		return;
	}
	putc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			putc(*text, out);
	}
	putc('\'', out);
}

static void sample_row(const struct setting *s, FILE *out)
{
	struct paragraph p = {.out = out, .margin = "# ", .left = 2, .column = 2};
	bool secret = s->row->type == WEIR_OPTION_SECRET;
	const char *preset = secret ? NULL : s->row->preset;
	char variable[NAME_MAX_BYTES];

	fputs("# ", out);
	if (s->row->help)
		paragraph_add(&p, s->row->help);
	setting_variable(s, secret ? "_FILE" : "", variable);
	fprintf(out, "\n%sexport %s=", preset ? "" : "#", variable);
	if (preset)
		print_quoted(preset, out);
	putc('\n', out);
}

void options_sample(const struct option_group *groups, size_t count, FILE *out)
{
	const struct option_group *shown = NULL;
	struct setting s = {0};

	while (setting_next(groups, count, &s)) {
		if (s.group->no_environment)
			continue;
		if (s.group != shown && s.group->title)
			fprintf(out, "%s# ---- %s ----\n", shown ? "\n" : "", s.group->title);
		shown = s.group;
		sample_row(&s, out);
	}
}
