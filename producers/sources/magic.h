/* magic.h: what an input is that is none of ours, by its first bytes, and what to do with it.
 * Private to this folder. */
#ifndef WEIR_SOURCES_MAGIC_H
#define WEIR_SOURCES_MAGIC_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

#define MAGIC_BYTES 512 /* that are enough, where the input has as many */

/* Fills err (code not_readable) with what it is and what to do, and returns -1; or 0: it may be
 * text. of_records: it should be JSON or CSV, which no HTML, XML, YAML or SQL is; else a document,
 * which is no page of HTML or XML as a whole. */
int magic_check(const char *data, size_t size, bool of_records,
		struct weir_error *err) WEIR_MUST_CHECK;

#endif
