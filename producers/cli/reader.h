/* reader.h: what a submit reads: a file, standard input, documents, or rows of the database. */
#ifndef WEIR_READER_H
#define WEIR_READER_H

#include <stdbool.h>
#include <stdio.h>

#include "source.h"
#include "weir/loader.h"

/* Where the records are. */
struct reader_plan {
	/* "-": standard input; none: that too, unless it is a terminal. */
	char *const *files;
	size_t file_count;
	const char *format;    /* NULL: by the files' names, and what is in the folders */
	const char *separator; /* of CSV; NULL: by the file's name or first lines */
	const char *from;      /* "db", or NULL */
	bool id_hash;	       /* a custom_id may be any natural key */
	bool may_be_empty;     /* each of the files, and all of them */
};

struct reader {
	const struct source_kind *kind;
	struct source *source;
	const struct reader_plan *plan;
	const struct source_kind *format; /* of each file, where kind reads several; else kind */
	const struct weir_rows *rows;	  /* where several rows of CSV are a record; else NULL */
	char separator;
	FILE *file; /* NULL: none, or several */
};

/* The plan and pg_url outlive it. Error codes: usage (a plan that contradicts itself), input, those
 * of the source. *r starts zeroed and is closed in any case. */
int reader_open(struct reader *r, const struct reader_plan *plan, const char *pg_url,
		const struct loaded_plugin *plugin, struct weir_error *err) WEIR_MUST_CHECK;
void reader_close(struct reader *r);

/* Whether a record may be several rows. */
bool reader_has_rows(const struct reader *r);

/* What is read, for a person: the name of the file, or what stands for several. */
void reader_name(const struct reader *r, char *out, size_t room);

/* Whether this file is what is read, or may be: then it must not be written to. */
bool reader_reads(const struct reader *r, const char *file);

#endif
