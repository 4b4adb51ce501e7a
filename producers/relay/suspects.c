#include "suspects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/log.h"

/* How often a message has been put off before it is failed: for ending a channel alone, twice in a
 * row; for being alone on its way each time that a connection was lost without a word; and where
 * nothing else of its kind gets through, so that the message may be none of the reason: that is two
 * hours later. */
#define ALONE_CLOSED 4
#define ALONE_LOST 10
#define ALONE_UNPROVEN 20

static const struct {
	const char *code;
	enum guilt guilt;
} verdicts[] = {
	{"broker", GUILT_AGAIN},	     /* lost */
	{"unconfirmed", GUILT_KIND},	     /* their queue does not answer */
	{"broker_denied", GUILT_KIND},	     /* 403: of the exchange, or of a routing key */
	{"broker_closed", GUILT_MESSAGE},    /* 541 and the like */
	{"broker_differs", GUILT_MESSAGE},   /* 406 */
	{"broker_oversized", GUILT_MESSAGE}, /* for a size that is not above the bound */
};

/* rabbit_channel.erl: "access to topic 'K' in exchange 'E' in vhost 'V' refused for user 'U'";
 * where it is of the exchange, no topic is named. */
static bool is_denied(const char *kind, const char *text)
{
	char topic[KIND_MAX + 16];
	snprintf(topic, sizeof topic, "topic '%s'", kind);
	return strstr(text, topic) != NULL;
}

enum guilt suspects_guilt(const struct run *run, const char *kind, const struct weir_error *why)
{
	if (strcmp(why->code, "broker_oversized") == 0 && run->wire->bounded)
		return GUILT_NONE;
	if (strcmp(why->code, "broker_denied") == 0 && kind && !is_denied(kind, why->text))
		return GUILT_NONE;
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (strcmp(verdicts[i].code, why->code) == 0)
			return verdicts[i].guilt;
	return GUILT_NONE;
}

/* FNV-1a */
static uint64_t unit_hash(const struct run *run, int row)
{
	char id[OUTGOING_ID_MAX];
	uint64_t hash = 14695981039346656037u;
	run->outbox->id(run->rows, row, id);
	for (const char *at = id; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 1099511628211u;
	return hash;
}

static bool remembered(const struct wire *w, uint64_t hash)
{
	for (int i = 0; i < w->before_count; i++)
		if (w->before[i] == hash)
			return true;
	return false;
}

/* The first row behind the unit that begins with `from`; *sent: some of it is on its way. */
static int unit_end(const struct run *run, int from, bool *sent)
{
	bool (*same)(const PGresult *, int, int) = run->outbox->same_unit;
	int to = from + 1;
	*sent = run->states[from] == ROW_SENT;
	for (; to < run->count && same && same(run->rows, from, to); to++)
		*sent |= run->states[to] == ROW_SENT;
	return to;
}

/* The first row of each unit that may be the reason; first may be NULL. */
static int select_units(const struct run *run, enum guilt guilt, int *first)
{
	int n = 0;
	bool sent;
	for (int from = 0, to; run->states && from < run->count; from = to) {
		to = unit_end(run, from, &sent);
		if (!sent || guilt == GUILT_NONE ||
		    (guilt == GUILT_AGAIN && !remembered(run->wire, unit_hash(run, from))))
			continue;
		if (first)
			first[n] = from;
		n++;
	}
	return n;
}

int suspects_count(const struct run *run, enum guilt guilt)
{
	return select_units(run, guilt, NULL);
}

static void remember_run(struct wire *w, const struct run *run)
{
	bool sent;
	for (int from = 0, to; run->states && from < run->count; from = to) {
		to = unit_end(run, from, &sent);
		if (sent && w->before_count < WIRE_UNITS)
			w->before[w->before_count++] = unit_hash(run, from);
	}
}

void suspects_remember(struct wire *w)
{
	w->before_count = 0;
	for (int i = 0; i < w->run_count; i++)
		remember_run(w, &w->runs[i]);
}

/* It was alone, each of the last times, while others got through. */
static bool is_guilty(const struct run *run, enum guilt guilt, const struct luck *luck)
{
	int column = run->outbox->refused_column;
	int32_t before = column ? ledger_int(run->rows, 0, column) : 0;
	bool proven = luck->worked && (int64_t)luck->closed < before;
	int32_t enough = guilt == GUILT_MESSAGE ? ALONE_CLOSED : ALONE_LOST;
	return run->count == 1 && (guilt == GUILT_MESSAGE || guilt == GUILT_AGAIN) &&
	       before >= (proven ? enough : ALONE_UNPROVEN);
}

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void add_array(struct params *p, const char *text)
{
	params_array(p, TYPE_TEXT, 1);
	params_add_text(p, text_of(text));
	params_array_end(p);
}

static void set_failed(struct suspects *to, const struct run *run, const int *which,
		       const struct weir_error *why)
{
	struct weir_error told;
	to->sql = run->outbox->fail;
	run->outbox->row_keys(&to->params, run->rows, which, 1);
	weir_fail(&told, "refused_by_broker", "the broker ends the connection over its message: %s",
		  why->text);
	add_array(&to->params, told.code);
	add_array(&to->params, told.text);
}

static void set_put_off(struct suspects *to, const struct run *run, const int *which, int n,
			const struct weir_error *why)
{
	struct weir_error told;
	to->sql = run->outbox->suspect;
	run->outbox->unit_keys(&to->params, run->rows, which, n);
	weir_fail(&told, "refused_by_broker",
		  "the broker ended the connection while this was on its way (%s): it is "
		  "published apart from all others",
		  why->text);
	params_string(&to->params, told.code);
	params_string(&to->params, told.text);
}

void suspects_note(struct suspects *s, const struct run *run, enum guilt guilt,
		   const struct luck *luck, const struct weir_error *why)
{
	int *which = run->states ? calloc((size_t)run->count, sizeof *which) : NULL;
	s->units = which ? select_units(run, guilt, which) : 0;
	s->outbox = run->outbox;
	params_reset(&s->params);
	s->failed = s->units > 0 && is_guilty(run, guilt, luck);
	if (s->failed)
		set_failed(s, run, which, why);
	else if (s->units > 0)
		set_put_off(s, run, which, s->units, why);
	free(which);
}

static void say(const struct suspects *s)
{
	if (s->failed)
		log_event(
			LOG_ERROR, "message_refused",
			"of=%s text=\"alone it ends the connection to the broker: it is given up\"",
			s->outbox->name);
	else
		log_event(LOG_WARN, "suspects_put_off",
			  "of=%s count=%d text=\"the broker ended the connection while these were "
			  "on their way: they are published again apart from all others\"",
			  s->outbox->name, s->units);
}

void suspects_put_off(struct relay *r)
{
	struct suspects *s = &r->suspects;
	struct weir_error why;
	if (s->units == 0 || !r->ledger)
		return;
	if (ledger_do(r->ledger, s->sql, &s->params, NULL, &why) == 0)
		say(s);
	else if (!ledger_alive(r->ledger))
		relay_lose_ledger(r, &why);
	else
		log_event(LOG_WARN, "suspects_not_put_off", "error=\"%s\"", why.text);
	r->due = true;
	s->units = 0;
}

void suspects_release(struct suspects *s) { params_release(&s->params); }
