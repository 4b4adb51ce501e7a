#include "failing_malloc.h"

#include <stddef.h>

/* A program's own malloc stands before that of the C library, and before that of a sanitizer, which
 * lends its real one under another name. */
#if defined(__SANITIZE_ADDRESS__)
#define REAL(name) __interceptor_##name
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REAL(name) __interceptor_##name
#endif
#endif
#ifndef REAL
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *old, size_t size);

static long countdown;

static bool fails(void) { return countdown > 0 && --countdown == 0; }

void *malloc(size_t size) { return fails() ? NULL : REAL(malloc)(size); }

void *calloc(size_t n, size_t size) { return fails() ? NULL : REAL(calloc)(n, size); }

void *realloc(void *old, size_t size) { return fails() ? NULL : REAL(realloc)(old, size); }

void failing_malloc_arm(long n) { countdown = n; }

bool failing_malloc_disarm(void)
{
	bool failed = countdown == 0;

	countdown = 0;
	return failed;
}
