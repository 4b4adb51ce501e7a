/* breaker.h: a circuit breaker for the provider of a model, kept by the whole fleet through Redis:
 * whether it serves anybody, who may ask it while it does not, and whether a failure is the item's
 * own.
 *
 * It opens after BREAKER_FAILURES failures in a row of all processes. While it is open one call of
 * the fleet is let through at a time, after pauses that grow from BREAKER_LEAST_MS to
 * BREAKER_MOST_MS; the first that is answered closes it. So a provider is asked twelve times a minute
 * at the least, whoever waits, and is found to be back within seconds.
 *
 * What a server cannot do now (5xx, a page of a gateway, a connection that ends, silence) may be
 * its own trouble or the item's. An item that failed so is remembered with how many calls of the
 * model had been answered and had failed by then. When it fails again, and meanwhile the provider
 * has answered others, four times as often as it failed them, it is at fault itself: this failure
 * and those that follow are charged, and say nothing about the provider.
 *
 * While it is open nobody is charged, for as long as the model's outage_wait; then whoever fails
 * is, and the pauses are BREAKER_LATE_MS: so items that are alone and always fail do end. Since one
 * call at a time asks, and each time another item's, what has many items comes through an outage
 * of hours all the same.
 *
 * While Redis is away each process knows only of its own calls; when it is back it is told how many
 * were answered and how many failed. A round trip blocks for at most the connection's timeout.
 * SIGPIPE must be ignored. */
#ifndef WEIR_BREAKER_H
#define WEIR_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/models.h"

#define BREAKER_FAILURES 5
#define BREAKER_LEAST_MS 1000
#define BREAKER_MOST_MS 5000
#define BREAKER_LATE_MS 2000
#define BREAKER_REASON_MAX 160

struct breakers;

/* 0, or -1: bad_url, out_of_memory. */
int breakers_open(const char *redis_url, int timeout_ms, struct breakers **out,
		  struct weir_error *err) WEIR_MUST_CHECK;
void breakers_close(struct breakers *b); /* NULL is fine */

/* Whether a call may begin now; one that may while it is open is the probe, and is to end in one of
 * the next two. */
bool breaker_may_call(struct breakers *b, const struct model *m, int64_t now_us);
/* After a no: when to ask again, and when the next call of the fleet may begin (0: it is closed).
 */
int64_t breaker_next_us(const struct breakers *b, const struct model *m);
int64_t breaker_probe_us(const struct breakers *b, const struct model *m);
/* "since 19:40:05 UTC: HTTP 502 ..." while it is open, else "". Valid until the next call. */
const char *breaker_reason(struct breakers *b, const struct model *m);

/* A call was answered, in whatever way that tells that the provider works. */
void breaker_served(struct breakers *b, const struct model *m, int64_t now_us);
/* A call failed. item: a name of the item's own, the same at each try. True: it is to be charged.
 */
bool breaker_failed(struct breakers *b, const struct model *m, const char *item, const char *reason,
		    int64_t now_us);
/* A call that might have begun did not, or ended in neither: a limit was reached, or it was given
 * up. Without a probe on the way it does nothing. */
void breaker_given_back(struct breakers *b, const struct model *m, int64_t now_us);

#endif
