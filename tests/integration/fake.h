/* fake.h: the fake of the providers (tests/fakes/fake.h says what it can) in the world of a test,
 * and the models and templates that its programs know. */
#ifndef WEIR_TEST_FAKE_H
#define WEIR_TEST_FAKE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A suite's world with a fake in it that outlives its tests: world_open() and world_clean(), and
 * both ends of the fake. */
int fake_open(void);
int fake_close(void);
void fake_clean(void);

#define FAKE_SUITE(name)                                                                           \
	CU_add_suite_with_setup_and_teardown(name, fake_open, fake_close, fake_clean, world_leave)

/* Ends it, and starts it anew, with another option or NULL. fake_clean() starts the usual one. */
void fake_restart(const char *option);
void fake_down(void);

/* http://127.0.0.1:PORT */
const char *fake_url(void);
/* JSON, in which ' stands for ". */
void fake_script(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* All lines of its log; the caller json_decref()s them. */
json_t *fake_log(void);
/* A number of its counts: "requests", "billed", "in_flight", "most_in_flight", "keys.other", ... */
int64_t fake_count(const char *name);
/* How many requests of a path ended with this status; model NULL: any. */
int64_t fake_answered(const char *path, const char *model, int status);
/* Waits until its count is at least this. */
bool fake_await(const char *name, int64_t least);

/* What programs that are started from now on know. Of the models file the text is what follows
 * `models:`, and $URL in it becomes the fake's address. */
void models_write(const char *text);
void template_write(const char *name, const char *text);
/* The usual ones, which fake_clean() writes: models `claude` and `gpt` (calls), `claude-batch` and
 * `gpt-batch` (remote batches), with prices of 1 and 5; the template `idea`, with the fields title
 * and score, which shows the payload's key and amount and the custom instructions. */
void fake_models(void);

#endif
