/* failing_malloc.h: lets allocation number N of the whole process fail, those inside libraries as
 * well, so that a test can try every N. Nothing fails unless armed. glibc alone. */
#ifndef WEIR_TEST_FAILING_MALLOC_H
#define WEIR_TEST_FAILING_MALLOC_H

#include <stdbool.h>

/* The n-th call (from 1) of malloc, calloc or realloc from now on fails; 0 disarms. */
void failing_malloc_arm(long n);

/* Disarms, and tells whether the call that was to fail has come. */
bool failing_malloc_disarm(void);

#endif
