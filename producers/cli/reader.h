/* reader.h: what a submit reads: a file, standard input, or rows of the database. */
#ifndef WEIR_READER_H
#define WEIR_READER_H

#include <stdio.h>

#include "source.h"
#include "weir/loader.h"

/* Where the records are. */
struct reader_plan {
	const char *file;   /* "-": standard input; NULL: that too, unless it is a terminal */
	const char *format; /* NULL: by the file's name */
	const char *from;   /* "db", or NULL */
};

struct reader {
	const struct source_kind *kind;
	struct source *source;
	FILE *file; /* NULL: no file */
};

/* The plan and pg_url outlive it. Error codes: usage (a plan that contradicts itself), input, those
 * of the source. *r starts zeroed and is closed in any case. */
int reader_open(struct reader *r, const struct reader_plan *plan, const char *pg_url,
		const struct loaded_plugin *plugin, struct weir_error *err) WEIR_MUST_CHECK;
void reader_close(struct reader *r);

#endif
