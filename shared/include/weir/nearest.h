/* nearest.h: which of the names that there are was meant by one that there is not. Nothing blocks
 * or allocates. */
#ifndef WEIR_NEAREST_H
#define WEIR_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/plugin.h"

#define NEAREST_NAME_MAX 128 /* bytes, with the NUL; longer names are never it */

struct nearest {
	const char *wanted;
	size_t least;
	char name[NEAREST_NAME_MAX]; /* "": none is near enough */
};

/* wanted outlives n. Try each name; of those that are equally near the first one stays. */
void nearest_init(struct nearest *n, const char *wanted);
void nearest_try(struct nearest *n, const char *name);

/* Whether a key is the name but for case, blanks, "_" and "-"; so it is of the name itself. The
 * name is in lower case. */
bool nearest_is_spelt(struct weir_text key, const char *name);

/* The same, and one of them may end in an "s" that the other lacks. */
bool nearest_is_spelt_or_plural(struct weir_text key, const char *name);

#endif
