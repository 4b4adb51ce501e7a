/* remote.h: remote batches without a consumer. The requests are written by the tests, and a driver
 * alone looks after them. */
#ifndef WEIR_TEST_REMOTE_H
#define WEIR_TEST_REMOTE_H

#include "asked.h"
#include "world.h"

/* One model of each vendor. */
#define MODELS 2
extern const char *const remote_models[MODELS], *const remote_results_path[MODELS],
							*const remote_create_path[MODELS],
								*const remote_batch_path[MODELS];

#define BOTH for (size_t v = 0; v < MODELS; v++)
#define MODEL remote_models[v]

/* A job as a consumer leaves it: n items that wait for long, and a request each. */
void remote_ask(const char *job, const char *model, int n);
struct process *remote_drive(const char *failpoint);
/* Each of its requests is answered or open no more, and its remote batches are done. */
bool remote_await_done(const char *job);
/* n items have an answer. unread: those of which nothing is known but that they may have been
 * answered. */
void remote_expect_rows(const char *job, int n, int unread);
/* seen: as sql_text() gives it. */
void remote_expect_text(const char *seen, const char *wanted);
/* wanted: the class of its answer, or "good", and whether asking again may help: "bad_answer t". */
void remote_expect_answer(int item, const char *wanted);
/* wanted: "succeeded errored canceled expired missing" of all of the job's remote batches. */
void remote_expect_tally(const char *job, const char *wanted);
/* Each item's own request was asked; returns how many lines were billed. No custom_id of a job was
 * billed twice. */
int64_t remote_check_log(const char *job, int n);
/* All of a job answered, and as often as it was answered for nothing (or may have been) told so. */
void remote_check_answered(const char *job, int n, int unread);
/* All of a job answered once, and paid for once. */
void remote_check_paid_once(const char *job, int n);

#endif
