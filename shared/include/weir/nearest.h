/* nearest.h: which of the names that there are was meant by one that there is not. */
#ifndef WEIR_NEAREST_H
#define WEIR_NEAREST_H

#include <stddef.h>

#define NEAREST_NAME_MAX 128 /* bytes, with the NUL; longer names are never it */

struct nearest {
	const char *wanted;
	size_t least;
	char name[NEAREST_NAME_MAX]; /* "": none is near enough */
};

/* wanted outlives n. Try each name; of those that are equally near the first one stays. */
void nearest_init(struct nearest *n, const char *wanted);
void nearest_try(struct nearest *n, const char *name);

#endif
