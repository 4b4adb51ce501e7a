/* settings.h: what every program of weir is told about its surroundings: the three servers, the
 * plugin folder, the log. */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "weir/option.h"

struct settings {
	char *pg_url, *amqp_url,
		*redis_url; /* once checked: the address, or the file that has it */
	char *plugin_dir;   /* NULL: next to the program, ../lib/weir */
	char *models;	    /* a file; NULL: only "local" is known */
	char *templates;    /* a folder; NULL: only the built-in ones */
	char *namespace;    /* NULL: none */
	char *log_level;
};

extern const struct weir_option settings_options[];

/* The group for options_parse(). */
struct option_group settings_group(struct settings *s);

enum { NEED_PG = 1, NEED_AMQP = 2, NEED_REDIS = 4 };

/* After options_parse(): an address that came from a file is from now on the file's name, and is read
 * again by whoever connects. */
int settings_follow_files(struct settings *s, struct weir_error *err) WEIR_MUST_CHECK;

/* Checks that the needed servers are named, and sets the log level and the namespace. Error codes:
 * missing_setting, naming the variable; bad_value. */
int settings_check(const struct settings *s, int needs, struct weir_error *err) WEIR_MUST_CHECK;

#endif
