#include "mark.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const char *mark_phase_name(enum mark_phase phase)
{
	static const char *const names[MARK_PHASES] = {
		[MARK_NONE] = "none",	[MARK_CHECK] = "check",	  [MARK_PROCESS] = "process",
		[MARK_TIMER] = "timer", [MARK_ANSWER] = "answer", [MARK_CANCEL] = "cancel",
		[MARK_STORE] = "store",
	};
	return phase < MARK_PHASES ? names[phase] : "unknown";
}

static void copy(char to[MESSAGE_NAME_MAX + 1], struct weir_text text)
{
	size_t n = text.size < MESSAGE_NAME_MAX ? text.size : MESSAGE_NAME_MAX;
	memcpy(to, text.data, n);
	to[n] = '\0';
}

void mark_item(struct marked_item *to, const struct delivery *one)
{
	const struct weir_item *item = &one->message.item;
	copy(to->job_id, item->job_id);
	copy(to->custom_id, item->custom_id);
	to->stage = item->stage;
	to->ordinal = item->ordinal;
	to->attempt = item->attempt;
}

void mark_plugin(struct mark *m, size_t plugin, const char *kind, const char *version)
{
	if (m && plugin < MARK_PLUGINS)
		snprintf(m->plugins[plugin], MARK_PLUGIN_SIZE, "%s %s", kind,
			 version ? version : "");
}

/* The phase is written last and taken back first: whoever reads it when this process is no more
 * finds what belongs to it. */
static void enter(struct mark *m, enum mark_phase phase, size_t plugin, size_t count)
{
	m->plugin = (uint32_t)plugin;
	m->count = (uint32_t)count;
	m->calls = m->calls + 1;
	atomic_signal_fence(memory_order_release);
	m->phase = phase;
	atomic_signal_fence(memory_order_seq_cst);
}

void mark_enter(struct mark *m, enum mark_phase phase, size_t plugin, const struct delivery *one)
{
	if (!m)
		return;
	mark_item(&m->items[0], one);
	enter(m, phase, plugin, 1);
}

void mark_add(struct mark *m, size_t at, const struct delivery *one)
{
	if (m && at < FLUSH_MAX)
		mark_item(&m->items[at], one);
}

void mark_enter_all(struct mark *m, enum mark_phase phase, size_t plugin, size_t count)
{
	if (m)
		enter(m, phase, plugin, count);
}

void mark_leave(struct mark *m)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (m)
		m->phase = MARK_NONE;
}

uint32_t mark_suspend(struct mark *m)
{
	uint32_t phase = m ? m->phase : MARK_NONE;
	mark_leave(m);
	return phase;
}

void mark_resume(struct mark *m, uint32_t phase)
{
	if (m)
		m->phase = phase;
}
