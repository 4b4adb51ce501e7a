#include "suspects.h"

#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/log.h"

/* How often a message has been put off before it is failed for ending a channel alone, twice in a
 * row; and for being alone on its way each time that a connection was lost without a word. */
#define ALONE_CLOSED 4
#define ALONE_LOST 10

/* What an error says of the rows that were on their way. */
enum guilt { GUILT_NONE, GUILT_AGAIN, GUILT_KIND, GUILT_MESSAGE };

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

static enum guilt guilt_of(const struct run *run, const struct weir_error *why)
{
	if (strcmp(why->code, "broker_oversized") == 0 && run->wire->bounded)
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

/* Remembers it; whether it was there the last time. */
static bool again(struct suspects *s, uint64_t hash)
{
	if (s->now_count < SUSPECT_UNITS)
		s->now[s->now_count++] = hash;
	for (int i = 0; i < s->before_count; i++)
		if (s->before[i] == hash)
			return true;
	return false;
}

/* The first row of each unit of which some was on its way. */
static int select_units(struct suspects *s, const struct run *run, enum guilt guilt, int *first)
{
	bool (*same)(const PGresult *, int, int) = run->outbox->same_unit;
	int n = 0;
	for (int from = 0, to; from < run->count; from = to) {
		bool sent = run->states[from] == ROW_SENT;
		for (to = from + 1; to < run->count && same && same(run->rows, from, to); to++)
			sent |= run->states[to] == ROW_SENT;
		if (sent && (guilt != GUILT_AGAIN || again(s, unit_hash(run, from))))
			first[n++] = from;
	}
	return n;
}

/* It was alone, each of the last times, and what became of it is its own fault. */
static bool is_guilty(const struct run *run, enum guilt guilt)
{
	int column = run->outbox->refused_column;
	int32_t before = column ? ledger_int(run->rows, 0, column) : 0;
	if (run->count != 1)
		return false;
	return (guilt == GUILT_MESSAGE && before >= ALONE_CLOSED) ||
	       (guilt == GUILT_AGAIN && before >= ALONE_LOST);
}

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void add_array(struct params *p, const char *text)
{
	params_array(p, TYPE_TEXT, 1);
	params_add_text(p, text_of(text));
	params_array_end(p);
}

static void set_failed(struct suspect_run *to, const struct run *run, const int *which,
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

static void set_put_off(struct suspect_run *to, const struct run *run, const int *which, int n,
			const struct weir_error *why)
{
	struct weir_error told;
	to->sql = NULL;
	run->outbox->unit_keys(&to->params, run->rows, which, n);
	weir_fail(&told, "refused_by_broker",
		  "the broker ended the connection while this was on its way (%s): it is "
		  "published apart from all others",
		  why->text);
	params_string(&to->params, told.code);
	params_string(&to->params, told.text);
}

void suspects_note(struct suspects *s, const struct run *run, const struct weir_error *why)
{
	enum guilt guilt = guilt_of(run, why);
	struct suspect_run *to = &s->runs[s->count];
	int *which = run->states ? calloc((size_t)run->count, sizeof *which) : NULL;
	if (guilt != GUILT_NONE && which && s->count < SUSPECT_RUNS) {
		to->outbox = run->outbox;
		to->units = select_units(s, run, guilt, which);
		params_reset(&to->params);
		if (to->units > 0 && is_guilty(run, guilt))
			set_failed(to, run, which, why);
		else if (to->units > 0)
			set_put_off(to, run, which, to->units, why);
		s->count += to->units > 0;
	}
	free(which);
}

static int put_off(struct relay *r, const struct suspect_run *run, struct weir_error *err)
{
	const char *const *sql = run->sql ? &run->sql : run->outbox->suspect;
	int steps = run->sql || !sql[1] ? 1 : 2;
	if (ledger_do(r->ledger, "BEGIN", NULL, NULL, err) < 0)
		return -1;
	for (int i = 0; i < steps; i++)
		if (ledger_do(r->ledger, sql[i], &run->params, NULL, err) < 0)
			return -1;
	return ledger_do(r->ledger, "COMMIT", NULL, NULL, err);
}

static void say(const struct suspect_run *run)
{
	if (run->sql)
		log_event(
			LOG_ERROR, "message_refused",
			"of=%s text=\"alone it ends the connection to the broker: it is given up\"",
			run->outbox->name);
	else
		log_event(LOG_WARN, "suspects_put_off",
			  "of=%s count=%d text=\"the broker ended the connection while these were "
			  "on their way: they are published again apart from all others\"",
			  run->outbox->name, run->units);
}

void suspects_put_off(struct relay *r)
{
	struct suspects *s = &r->suspects;
	struct weir_error why, ignored;
	if (s->now_count > 0) {
		memcpy(s->before, s->now, sizeof s->before);
		s->before_count = s->now_count;
		s->now_count = 0;
	}
	for (int i = 0; i < s->count && r->ledger; i++) {
		if (put_off(r, &s->runs[i], &why) == 0) {
			say(&s->runs[i]);
			continue;
		}
		log_event(LOG_WARN, "suspects_not_put_off", "error=\"%s\"", why.text);
		if (ledger_do(r->ledger, "ROLLBACK", NULL, NULL, &ignored) < 0)
			relay_lose_ledger(r, &why);
	}
	r->due |= s->count > 0; /* others go on at once; if nobody was put off, nothing is better yet */
	s->count = 0;
}

void suspects_release(struct suspects *s)
{
	for (int i = 0; i < SUSPECT_RUNS; i++)
		params_release(&s->runs[i].params);
}
