/* mark.h: which item's code this process is in, kept in memory that outlives it (supervise.h), so
 * that an item is blamed for the end of a process on evidence alone. Marked is what calls a plugin
 * for an item, and nothing else: not what waits for a network, a limit or the ledger. A mark is two
 * short copies and two stores; nothing here blocks or fails. A mark of NULL is allowed, and is
 * none.
 */
#ifndef WEIR_MARK_H
#define WEIR_MARK_H

#include "delivery.h"

#define MARK_PLUGINS 16	    /* as many as a consumer has kinds */
#define MARK_PLUGIN_SIZE 80 /* bytes of "KIND VERSION" */

enum mark_phase {
	MARK_NONE,
	MARK_CHECK,
	MARK_PROCESS,
	MARK_TIMER,
	MARK_ANSWER,
	MARK_CANCEL,
	MARK_STORE, /* of all items of the kind in a flush: which of them, nobody can tell */
	MARK_PHASES
};

/* Enough of an item to find it in the ledger. */
struct marked_item {
	char job_id[MESSAGE_NAME_MAX + 1], custom_id[MESSAGE_NAME_MAX + 1];
	uint32_t stage, ordinal, attempt;
};

struct mark {
	volatile uint32_t phase; /* enum mark_phase */
	volatile uint32_t calls; /* counts them, so that one that does not end can be told */
	uint32_t plugin;	 /* its place in plugins */
	uint32_t count;		 /* of items: one, but for STORE */
	struct marked_item items[FLUSH_MAX];
	char plugins[MARK_PLUGINS][MARK_PLUGIN_SIZE];
};

/* The word for a phase: what of the plugin is called. */
const char *mark_phase_name(enum mark_phase phase);

void mark_item(struct marked_item *to, const struct delivery *one);
/* Names a plugin, before any mark is made of it. */
void mark_plugin(struct mark *m, size_t plugin, const char *kind, const char *version);

/* From here on the process is in this item's code, until mark_leave(). */
void mark_enter(struct mark *m, enum mark_phase phase, size_t plugin, const struct delivery *one);
/* Before mark_enter_all(): one item of many, from 0. */
void mark_add(struct mark *m, size_t at, const struct delivery *one);
void mark_enter_all(struct mark *m, enum mark_phase phase, size_t plugin, size_t count);
void mark_leave(struct mark *m);

/* What a plugin has the host do that may wait is not the item's: the phase, to be put back. */
uint32_t mark_suspend(struct mark *m);
void mark_resume(struct mark *m, uint32_t phase);

#endif
