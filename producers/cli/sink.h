/* sink.h: where a document goes while it is written: standard output, or a file that appears under
 * its name only when it is whole. */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include <stdbool.h>
#include <stdio.h>

#include "weir/buffer.h"

struct sink {
	struct buffer buffer; /* add to it, and call sink_pass() now and then */
	FILE *file;
	const char *path; /* NULL: standard output */
	char *temporary;
	bool no_reader; /* of standard output any more: what comes now goes nowhere */
};

/* path NULL or "-": standard output. It must outlive the sink. On success the caller calls
 * sink_close() or sink_abandon(). May block on a pipe that nobody reads. */
int sink_open(struct sink *s, const char *path, struct weir_error *err) WEIR_MUST_CHECK;
/* Passes on what has been collected, once it is worth a write. */
int sink_pass(struct sink *s, struct weir_error *err) WEIR_MUST_CHECK;
/* Passes all on; the file gets its name, in place of one that was there. */
int sink_close(struct sink *s, struct weir_error *err) WEIR_MUST_CHECK;
void sink_abandon(struct sink *s); /* removes the unfinished file */

#endif
