/* lanes.h: which kinds' queues are consumed. All are looked at before the first is, over another
 * connection, since "there is none" ends a channel; what is missing is made. A queue that cannot be
 * used waits, and that is told once; the other kinds do not notice. */
#ifndef WEIR_LANES_H
#define WEIR_LANES_H

#include "consumer.h"

/* Looks at the queues of those that are not consumed and whose time has come; blocks. Fails when
 * the broker cannot be reached, is another ledger's, or is not as it must be for anybody. */
int lanes_check(struct consumer *c, struct weir_error *err) WEIR_MUST_CHECK;
/* Consumes what lanes_check() found ready: over the connection that deliveries come from. Fails
 * when that is lost. */
int lanes_consume(struct consumer *c, struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;
/* How many are consumed. */
size_t lanes_at_work(const struct consumer *c);
/* Of one that is not: why; "" when all are, or it is not known. */
const char *lanes_trouble(const struct consumer *c);

void lanes_turn(struct consumer *c);
int64_t lanes_next_us(const struct consumer *c);	     /* not while a flush is under way */
void lanes_lost(struct consumer *c);			     /* with the connection */
void lanes_cancelled(struct consumer *c, const char *queue); /* by the broker */
int lanes_stop(struct consumer *c, struct weir_error *err) WEIR_MUST_CHECK;

#endif
