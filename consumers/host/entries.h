/* entries.h: the deliveries of a flush, in the order in which rows are locked, and what each of
 * them needs: a selection of them makes one statement. */
#ifndef WEIR_ENTRIES_H
#define WEIR_ENTRIES_H

#include "consumer.h"

/* By key, so that all consumers lock rows in one order; of twins (the same item twice) the final
 * one first. Those that are refused have no key, and come last. For qsort() of pointers. */
int entries_compare(const void *a, const void *b);

bool entry_is_refused(const struct delivery *d);
bool entry_text_is(struct weir_text a, struct weir_text b);

typedef bool selection(const struct flush *f, size_t i);

selection to_claim, /* final, and the first of twins */
	to_claim_still, to_look_up, to_store,
	to_request, /* of a remote batch, what is not written down yet */
	to_sleep, to_put_off, to_defer,
	to_wake, /* the relay, for those that are due before it looks by itself */
	to_free, to_keep, to_count, to_end_retries, to_end_call, to_end_trial;

/* Those that are wanted, into out (room for FLUSH_MAX): how many. */
size_t entries_select(const struct flush *f, selection *wanted, struct delivery **out);
bool entries_any(const struct flush *f, selection *wanted);

#endif
