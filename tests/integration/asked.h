/* asked.h: what the fake was asked for the items of a job, and whether the right answers came of
 * it. The jobs are of the kind `ask` and of templates that show key and amount as `idea` does. */
#ifndef WEIR_TEST_ASKED_H
#define WEIR_TEST_ASKED_H

#include "fake.h"
#include "world.h"

/* What was asked for one item. */
struct asked_item {
	int calls, billed;
	char hash[17]; /* of the last one that was billed */
	int64_t ms[8]; /* when the calls came */
	int status[8];
};

/* A job of n items that ask this model. model: "ai_model=NAME". */
struct job *asked_job(const char *id, const char *model, int n);
/* The relay, and a consumer of `ask`. */
void asked_begin(void);

/* One for each item; valid until the next call. Expects that each call was of the vendor's model,
 * and had this system text, if it is not NULL. */
const struct asked_item *asked_items(const struct job *job, const char *model, const char *system);
/* Each item was billed so often. */
void expect_billed(const struct job *job, int times);
/* The result of each good item is the answer to what was asked for it last; model and system as
 * above. Nobody is said to be calling any more. */
void expect_answers(const struct job *job, const char *model, const char *system);

#endif
