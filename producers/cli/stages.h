/* stages.h: the stages of a job that is submitted. A stage is written KIND or KIND.STEP, and its
 * name in the results of an item is the step, or the kind where there is none. Nothing blocks. */
#ifndef WEIR_STAGES_H
#define WEIR_STAGES_H

#include <jansson.h>
#include <stdbool.h>

#include "weir/buffer.h"
#include "weir/error.h"
#include "weir/ledger.h"
#include "weir/llm.h"
#include "weir/topology.h"

#define STAGES_MAX 16
#define STAGE_TEXT_MAX (2 * KIND_MAX + 1) /* bytes of "KIND.STEP" */

struct stage {
	char kind[KIND_MAX + 1], step[KIND_MAX + 1]; /* step "": none */
	json_t *own;				     /* laid over the job's context; NULL: none */
	char *context;				     /* the complete one, JSON */
	bool asks;				     /* its plugin asks language models */
};

/* Starts zeroed; stages_release() frees what was added. */
struct stages {
	struct stage list[STAGES_MAX];
	size_t count;
};

/* Adds one: from "KIND.STEP", or from a value of a job file (such a text, or an object of kind,
 * step and context). Error codes: bad_stage (malformed, too many, a name that is there already).
 * The texts do not say where it stood. */
int stages_add(struct stages *s, const char *text, struct weir_error *err) WEIR_MUST_CHECK;
int stages_add_json(struct stages *s, json_t *value, struct weir_error *err) WEIR_MUST_CHECK;
void stages_release(struct stages *s);

/* Makes the complete contexts: the job's, then the stage's own, then "step". Error code: bad_stage
 * (a context that would change the step), out_of_memory. */
int stages_complete(struct stages *s, json_t *job_context, struct weir_error *err) WEIR_MUST_CHECK;

/* Whether there are the models and templates that the contexts (complete) of the second and further
 * stages name; of the first one, its plugin tells. over: an item's own context, laid over them;
 * absent: none. Error codes: bad_context, those of message_overlay() and message_decode_map(); the
 * text names the stage. */
int stages_check_later(const struct stages *s, const struct llm *llm, struct weir_text over,
		       struct weir_error *err) WEIR_MUST_CHECK;

/* "KIND" or "KIND.STEP". */
void stage_name(const char *kind, const char *step, char out[STAGE_TEXT_MAX + 1]);

/* Adds three arrays: kinds, steps and contexts. */
void stages_params(const struct stages *s, struct params *params);

/* Appends what is another in these rows (kind, step, context as text; a row a stage), each behind
 * ", ". */
void stages_differences(const struct stages *s, const PGresult *rows, struct buffer *out);

#endif
