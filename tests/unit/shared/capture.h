/* capture.h: standard error, for as long as a test looks at what is written there. */
#ifndef WEIR_TEST_CAPTURE_H
#define WEIR_TEST_CAPTURE_H

#include <sys/types.h>

struct capture {
	int saved, reader;
	char text[8192];
	ssize_t size; /* what one read(2) gave */
};

void capture_start(struct capture *c);
void capture_end(struct capture *c); /* text is what was written, and a NUL */
size_t capture_lines(const struct capture *c);

#endif
