/* error.h: errors by value. The caller owns the struct; a function that fails fills it and returns
 * -1, a function that succeeds leaves it alone. Nothing here blocks or allocates. */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stddef.h>

#include "weir/plugin.h"

#ifdef __GNUC__
#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_FORMAT(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WEIR_MUST_CHECK
#define WEIR_FORMAT(fmt, args)
#endif

/* Fills err (which may be NULL) with a code and a formatted text. Always returns -1, so that a
 * failing function can end in `return weir_fail(err, ...)`. What is too long is cut; the text is
 * always UTF-8 (other bytes become '?'). The arguments may be texts of err itself, so an error can
 * be given a longer text: weir_fail(err, err->code, "line %d: %s", n, err->text). */
int weir_fail(struct weir_error *err, const char *code, const char *fmt, ...) WEIR_FORMAT(3, 4);

/* The same for a failed allocation: code "out_of_memory". Always returns -1. */
int weir_fail_memory(struct weir_error *err);

#endif
