/* pace.h: a model's limits, kept by the whole fleet through Redis. A process borrows what it needs
 * for a fraction of a second in one script call and spends it by itself, so a call costs no round
 * trip; in no minute does the fleet begin more than five hundredths above the limit.
 *
 * Redis being away stops nobody: a process then goes on at the pace it had. A round trip blocks for
 * at most the connection's timeout. SIGPIPE must be ignored. */
#ifndef WEIR_PACE_H
#define WEIR_PACE_H

#include "weir/models.h"
#include "weir/provider.h"

struct pace;

/* holder is not used: what is borrowed is too short-lived to belong to anybody. 0, or -1: bad_url, out_of_memory. */
int pace_open(const char *redis_url, int timeout_ms, const char *holder, struct pace **out,
	      struct weir_error *err) WEIR_MUST_CHECK;
void pace_close(struct pace *p); /* NULL is fine */

/* Whether a call with so many input tokens may begin now; if so, it is counted. The output is taken
 * to be as long as the model's answers were so far. Borrows when what there is does not do: waiting
 * says how many more calls want to begin. */
bool pace_take(struct pace *p, const struct model *m, int64_t input_tokens, size_t waiting,
	       int64_t now_us);
/* Each call that began is settled or given back, once.
 *
 * A call has ended: what it really used, of what pace_take() was told. Of one that failed after it
 * was sent: the input as it was taken, and no output. */
void pace_settle(struct pace *p, const struct model *m, int64_t input_tokens_taken,
		 int64_t input_tokens, int64_t output_tokens);
/* The call was not made, or not counted by the provider. */
void pace_give_back(struct pace *p, const struct model *m, int64_t input_tokens);

/* When to ask pace_take() again after it said no; now_us at the earliest. */
int64_t pace_next_us(const struct pace *p, const struct model *m, int64_t now_us);
/* Takes turns in the model's queue for n calls that are put off: how many milliseconds from now the
 * first of them, and what is between two of them, in microseconds. */
int64_t pace_turns(struct pace *p, const struct model *m, size_t n, int64_t input_tokens_each,
		   int64_t *apart_us);

/* The provider said that nothing more goes for so long: all of the fleet obey. */
void pace_hold(struct pace *p, const struct model *m, int64_t for_ms, int64_t now_us);
/* How long nothing of the model is asked by anybody, because its provider said so; 0: it is not
 * held, or Redis is away. */
int64_t pace_held_ms(struct pace *p, const struct model *m);
/* What the provider said is left. */
void pace_limits(struct pace *p, const struct model *m, const struct provider_limits *limits,
		 int64_t now_us);

#endif
