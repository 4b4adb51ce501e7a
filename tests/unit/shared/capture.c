#include "capture.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void capture_start(struct capture *c)
{
	int ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	CU_ASSERT_FATAL(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	c->reader = ends[0];
	c->saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

void capture_end(struct capture *c)
{
	c->size = read(c->reader, c->text, sizeof(c->text) - 1);
	c->text[c->size > 0 ? c->size : 0] = '\0';
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->reader);
}

size_t capture_lines(const struct capture *c)
{
	size_t lines = 0;

	for (const char *at = c->text; (at = strchr(at, '\n')); at++)
		lines++;
	return lines;
}
