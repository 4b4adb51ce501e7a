/* lines.h: what `weir results` prints, and the plugins that are no test plugins. */
#ifndef WEIR_TEST_LINES_H
#define WEIR_TEST_LINES_H

#include <jansson.h>

#include "fake.h"
#include "world.h"

/* Programs load the plugins that are installed, and their queues are there. Until it is undone. */
void real_plugins(void);
void test_plugins_again(void);

/* A suite's world with a fake and the real plugins in it. */
void real_clean(void);
void real_leave(void);

#define REAL_SUITE(name)                                                                           \
	CU_add_suite_with_setup_and_teardown(name, fake_open, fake_close, real_clean, real_leave)

/* The lines that the last run() has printed, or that a process has by now: each a JSON object. The
 * caller json_decref()s them. */
json_t *lines_of_run(void);
json_t *lines_of(const struct process *p);
/* That of an item, borrowed; NULL: there is none. It must not be there twice. */
json_t *line_of(const json_t *lines, const char *custom_id);
/* A value by its path ("results.title.usage.calls"), as JSON or, of a text, as it is; "": absent.
 * Valid until the next call. */
const char *value_of(const json_t *line, const char *path);

bool expect_same(const char *seen, const char *wanted, const char *what, const char *file,
		 unsigned line);
#define EXPECT_VALUE(LINE, PATH, WANTED)                                                           \
	expect_same(value_of(LINE, PATH), WANTED, PATH, __FILE__, __LINE__)

#endif
