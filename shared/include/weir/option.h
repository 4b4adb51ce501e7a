/* option.h: settings as rows (struct weir_option in plugin.h). The same rows parse the command
 * line and the environment, print the help and print the sample. Order of precedence: the command
 * line, then the environment (WEIR_ and the name in capitals), then the preset. A value of the
 * environment that is empty counts as not given. A SECRET comes from the environment alone:
 * WEIR_NAME, or else the first line of the file that WEIR_NAME_FILE names.
 *
 * A LIST takes one item for each time it is given on the command line, and a comma-separated value
 * from the environment and as preset. A FLAG is 1, true, yes, 0, false or no in the environment and
 * as preset. Bounds with most < least: no upper bound. */
#ifndef WEIR_OPTION_H
#define WEIR_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/error.h"
#include "weir/plugin.h"

/* Rows, and the config struct that they fill. A program's own rows have no prefix; those of a
 * plugin have its kind: under the prefix "sentiment" the row "lexicon" is --sentiment.lexicon and
 * WEIR_SENTIMENT_LEXICON. */
struct option_group {
	const char *title;		/* printed above the rows; NULL: none */
	const char *prefix;		/* NULL: none */
	const struct weir_option *rows; /* NULL: none */
	void *config;			/* zeroed by the caller */
	bool no_environment; /* from the command line alone (secrets cannot); not in a sample */
};

/* Fills the configs of all groups from the presets, the environment and argv (without the program's
 * name; argc 0: from the others alone). Accepts --name VALUE, --name=VALUE, --flag, --no-flag, and
 * `--`; options and plain arguments may be mixed; "-" is a plain argument. The plain arguments are
 * moved to the front of argv, and *plain is their number; with plain == NULL there may be none. On
 * success the caller calls options_release(); on failure nothing is left to release. Error codes:
 * unknown_option (naming the nearest one), missing_value, bad_value (naming option, value, unit
 * and bounds), unexpected_argument, out_of_memory. */
int options_parse(const struct option_group *groups, size_t count, int argc, char **argv,
		  int *plain, struct weir_error *err) WEIR_MUST_CHECK;

/* The same before all rows are known (those of plugins come with their loading): passes over plain
 * arguments and over options that are not in the groups, and leaves argv alone. Release the
 * configs and zero them before the options_parse() that follows. */
int options_parse_early(const struct option_group *groups, size_t count, int argc, char **argv,
			struct weir_error *err) WEIR_MUST_CHECK;

/* Frees what parsing allocated, and clears those fields; secrets are wiped first. */
void options_release(const struct option_group *groups, size_t count);

/* Prints each group under its title, a row each: name, value, help, environment name and preset,
 * aligned, 80 columns. */
void options_help(const struct option_group *groups, size_t count, FILE *out);

/* Prints the rows as a file of `export WEIR_NAME=preset` lines with the help as comments; what has
 * no preset is commented out. Secrets are shown as WEIR_NAME_FILE. */
void options_sample(const struct option_group *groups, size_t count, FILE *out);

/* "250ms", "5s", "10m", "1h", "30d" to milliseconds. 0, or -1 when it is none of these. */
int option_time(const char *text, int64_t *ms) WEIR_MUST_CHECK;

#endif
