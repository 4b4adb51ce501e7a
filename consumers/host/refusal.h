/* refusal.h: a delivery that is refused. It is stored with the next flush, as a row of
 * weir.dead_letters with its bytes and the reason, and then acked like any other: the broker's own
 * dead-lettering is left to what the broker gives up itself. */
#ifndef WEIR_REFUSAL_H
#define WEIR_REFUSAL_H

#include "delivery.h"

struct consumer;

/* What the message came with is kept in the delivery's result, which it has no other use for. */
enum refusal_part { REFUSAL_QUEUE, REFUSAL_TYPE, REFUSAL_ID };
struct weir_text refusal_text(const struct delivery *one, enum refusal_part part);

/* Gives the delivery the fate REFUSED, for this reason. The caller moves it to ENDED. */
void refusal_make(struct consumer *c, struct delivery *one, const char *queue,
		  const char *content_type, const char *message_id, const struct weir_error *why);

/* The same for one that has been decoded, and whose event is long gone. */
void refusal_make_again(struct consumer *c, struct delivery *one, const char *queue,
			const struct weir_error *why);

#endif
