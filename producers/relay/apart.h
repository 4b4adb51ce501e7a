/* apart.h: kinds of items that are in trouble: their queue refuses, or does not confirm, or the
 * broker closes the channel over what goes there. That kind is published apart from all others, a
 * batch at a time, on connections that nothing else is on (side.c), until that succeeds, with
 * pauses that grow. So no other kind waits for it, or is published twice for it.
 *
 * Where a channel is closed with rows of two kinds on their way, both are published apart, at once:
 * the one in trouble is then known, and of a message that ends the channel the one batch that it is
 * in. Its items become suspects (suspects.h). If what other batches come to is the same, it is no
 * message's fault: then the kind rests, and no more of its batches are taken to pieces. */
#ifndef WEIR_APART_H
#define WEIR_APART_H

#include "run.h"
#include "suspects.h"

/* The kind of the run's rows; SIZE_MAX: they are no items. */
size_t apart_queue(struct relay *r, const struct run *run);
/* Its name; NULL: SIZE_MAX. */
const char *apart_kind(const struct relay *r, size_t queue);

/* So many units of it were on their way when a connection was lost that it shared with another
 * kind, or others of its own: they are published apart, at once. */
void apart_doubt(struct relay *r, const struct run *run, int units, const struct weir_error *why);
/* It is in trouble, and rests. */
void apart_rest(struct relay *r, size_t queue, const struct weir_error *why);
/* A run of it is with the broker, which has refused some of it, or none. */
void apart_settled(struct relay *r, const struct run *run, bool refused);

/* The same of a run of suspects, of which nothing was refused. */
void apart_suspects_settled(struct relay *r, size_t queue);

/* A run of one kind has failed that was apart, or of suspects. Whether that is the kind's own
 * trouble, and so not that of who uses the connection next. Notes suspects. */
bool apart_failed(struct relay *r, const struct run *run, size_t queue, enum guilt guilt,
		  const struct weir_error *why) WEIR_MUST_CHECK;

/* What is to be published next of kinds that are apart, if their pause is over; silent: also of
 * those whose queue was silent the last time. */
const struct outbox *apart_pick(struct relay *r, bool silent, struct picks *picks);
bool apart_any(const struct relay *r);
bool apart_any_silent(const struct relay *r);
/* Lowers *at_us to when apart_pick() may have something. */
void apart_when(const struct relay *r, bool silent, int64_t *at_us);
/* What keeps a kind from being published, in words that begin "kind K: "; "": nothing. */
const char *apart_trouble(const struct relay *r);
/* As a parameter: the kinds whose suspects this run is not to publish now. */
void apart_add_left(const struct relay *r, const struct run *run, struct params *p);

#endif
