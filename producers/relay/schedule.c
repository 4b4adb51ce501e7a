#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "relay.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/message.h"

#define QUANTUM 100	 /* items of a turn */
#define FIRST_DEPTH 1000 /* of a queue of which nothing is known yet */
#define BOUND_US 60000000
#define LOOK_SHARE 5
#define LOOK_APART_US 20000 /* more than that, while there is enough to do */
#define LOOK_FLOWS 500
#define AHEAD 10000 /* items of a flow that are put off, at the most, before batches follow */
#define FORGET_US 10000000 /* who had nothing due for so long is new when he has */
#define ASK_SHARE 4
#define ASK_SHARE_CAP_US 2000000
#define ASK_AGAIN_US 1000000 /* the broker did not answer; longer each time */
#define ASK_AGAIN_CAP_US 30000000
/* So long the broker may take to let us in, and for each answer, and nobody else is served
 * meanwhile. */
#define ASK_S 3
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/* clang-format off */
/* From one flow that has rows to the next, in the order of an index: $1 and $2 are the flow to
 * begin behind, $3 the last job. */
#define LEAP(table, number, condition)                                                             \
	"(SELECT job_id, stage, due_at, " number " AS n FROM " table " WHERE " condition           \
	"  AND (job_id, stage) > ($1, $2) AND job_id <= $3"                                        \
	"  ORDER BY job_id, stage, due_at LIMIT 1)"                                                \
	" UNION ALL SELECT n.* FROM l CROSS JOIN LATERAL (SELECT job_id, stage, due_at, " number   \
	"  FROM " table " k WHERE " condition                                                      \
	"  AND (k.job_id, k.stage) > (l.job_id, l.stage) AND k.job_id <= $3"                       \
	"  ORDER BY job_id, stage, due_at LIMIT 1) n"

/* The flows with rows that wait, in order, and what is due in them. Batches do not follow what has
 * been put off and does not come back for a while: as much as a batch of it is enough. More of them
 * do, up to AHEAD, where a tenth of the batch before has ended: then its items wait for different
 * things, for several models maybe. */
static const char look[] =
	"WITH RECURSIVE b AS (WITH RECURSIVE l AS ("
	LEAP("weir.job_batches", "n", "status = 'pending_queue'")
	") SELECT * FROM l LIMIT $4),"
	" w AS (WITH RECURSIVE l AS ("
	LEAP("weir.retries", "NULL::int4", "due_at < 'infinity' AND refused = 0")
	") SELECT * FROM l LIMIT $4),"
	" f AS (SELECT job_id, stage, min(due_at) FILTER (WHERE fresh) AS fresh, min(n) AS n,"
	"   min(due_at) FILTER (WHERE NOT fresh) AS again"
	"  FROM (SELECT *, true AS fresh FROM b UNION ALL SELECT *, false FROM w) u"
	"  GROUP BY job_id, stage ORDER BY job_id, stage LIMIT $4),"
	" g AS (SELECT f.job_id, f.stage::int4, s.kind, j.batch_size,"
	"   f.fresh <= now() AND j.status IN ('pending', 'running') AND CASE WHEN ("
	"    SELECT count(*) FILTER (WHERE r.error_class IN"
	"      ('busy', 'deferred', 'throttled', 'provider_away'))"
	"     FROM (SELECT error_class FROM weir.retries r WHERE r.job_id = f.job_id"
	"       AND r.stage = f.stage AND r.due_at < 'infinity'"
	"       AND r.due_at > now() + interval '2 seconds'"
	"       ORDER BY r.due_at LIMIT " TEXT(QUANTUM) " * 2) r) < " TEXT(QUANTUM) " THEN true"
	"    ELSE (SELECT count(*) FROM weir.results r WHERE r.job_id = f.job_id"
	"      AND r.stage = f.stage AND r.ordinal >= f.n * j.batch_size - j.batch_size"
	"      AND r.ordinal < f.n * j.batch_size) * 10 >= j.batch_size"
	"     AND NOT EXISTS (SELECT FROM weir.retries r WHERE r.job_id = f.job_id"
	"      AND r.stage = f.stage AND r.due_at < 'infinity'"
	"      AND r.due_at > now() + interval '2 seconds'"
	"      OFFSET " TEXT(AHEAD) " LIMIT 1) END AS batches,"
	"   f.again <= now() AND j.status IN ('pending', 'running') AS retries"
	"  FROM f LEFT JOIN weir.jobs j USING (job_id)"
	"  LEFT JOIN weir.job_stages s USING (job_id, stage) ORDER BY f.job_id, f.stage)"
	"SELECT g.* FROM (SELECT) o LEFT JOIN g ON true";
/* clang-format on */

/* What of a kind was published last, is not final, and is not tried again: about what its queue
 * has, and consumers have from it. $2: items of a flow that are looked at, about. */
static const char newest[] =
	"SELECT coalesce(sum(k.n), 0)::int8 FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" CROSS JOIN LATERAL (SELECT b.size - b.success - b.failed - b.cancelled"
	"   - weir.tried_again(b.job_id, b.stage, b.n, b.size, j.batch_size) AS n"
	"  FROM weir.job_batches b WHERE b.job_id = s.job_id AND b.stage = s.stage"
	"   AND b.status = 'queued' ORDER BY b.queued_at DESC"
	"  LIMIT 1 + $2::int8 / j.batch_size) k"
	" WHERE NOT j.counted AND j.completed_at IS NULL AND s.completed_at IS NULL"
	"  AND j.status IN ('pending', 'running') AND s.kind = $1";

enum {
	COL_FLOW_JOB, /* none: there is no flow */
	COL_FLOW_STAGE,
	COL_FLOW_KIND, /* none: its job is gone */
	COL_BATCH_SIZE,
	COL_BATCHES,
	COL_RETRIES
};

/* ---- queues ---- */

static uint32_t within(const struct queue *q, const struct relay_options *o, uint64_t depth)
{
	uint64_t least = (uint64_t)o->queue_least, most = (uint64_t)o->queue_most;
	if (q->bound > 0 && q->bound < most)
		most = q->bound;
	if (least > most)
		least = most;
	return (uint32_t)(depth < least ? least : depth > most ? most : depth);
}

size_t schedule_find(struct relay *r, struct weir_text kind)
{
	struct schedule *s = &r->schedule;
	for (size_t i = 0; i < s->queue_count; i++)
		if (strlen(s->queues[i].kind) == kind.size &&
		    memcmp(s->queues[i].kind, kind.data, kind.size) == 0)
			return i;
	struct queue *more = realloc(s->queues, (s->queue_count + 1) * sizeof *more);
	if (!more)
		return SIZE_MAX;
	s->queues = more;
	struct queue *q = &more[s->queue_count];
	*q = (struct queue){.bound = 0};
	q->depth = within(q, &r->options, FIRST_DEPTH);
	snprintf(q->kind, sizeof q->kind, "%.*s", (int)kind.size, kind.data);
	return s->queue_count++;
}

uint32_t schedule_depth(const struct queue *q, const struct relay_options *o)
{
	if (q->filled && q->ready < q->depth / 8)
		return within(q, o, 2 * (uint64_t)q->depth);
	if (q->filled && q->ready > q->depth / 2)
		return within(q, o, q->depth - q->depth / 8);
	return within(q, o, q->depth);
}

static void raise_bound(struct queue *q, const struct relay_options *o)
{
	int64_t now = clock_us();
	if (q->bound == 0 || now < q->bound_us)
		return;
	q->bound += q->bound / 3 + 1;
	if (q->bound >= (uint64_t)o->queue_most)
		q->bound = 0;
	q->bound_us = now + BOUND_US;
}

/* What is in it right after that did fit. */
void schedule_refused(struct relay *r, size_t queue)
{
	struct queue *q = &r->schedule.queues[queue];
	uint32_t seen = q->ready > q->depth ? q->ready : q->depth;
	q->bound = seen - seen / 4;
	q->bound_us = clock_us() + BOUND_US;
	q->depth = within(q, &r->options, q->depth);
}

/* What is on its way there is not ready yet. */
static uint32_t on_the_way(const struct relay *r, size_t queue)
{
	int n = 0;
	for (int i = 0; i < 2; i++)
		if (r->runs[i].open && r->runs[i].picks.count > 0 &&
		    r->runs[i].picks.queue == queue)
			n += r->runs[i].count - r->runs[i].confirmed;
	return (uint32_t)n;
}

void schedule_beat(struct relay *r)
{
	struct schedule *s = &r->schedule;
	struct broker_event event;
	struct weir_error ignored;
	int64_t now = clock_us();
	if (!s->gauge || now - s->gauge_us < broker_beat_us(s->gauge))
		return;
	s->gauge_us = now;
	if (broker_next(s->gauge, 0, &event, &ignored) == 0)
		return;
	broker_close(s->gauge);
	s->gauge = NULL;
}

/* One that nobody has kept alive the broker may have given up. */
static int open_gauge(struct relay *r, struct weir_error *err)
{
	struct schedule *s = &r->schedule;
	int64_t now = clock_us();
	if (s->gauge && now - s->gauge_us > 2 * broker_beat_us(s->gauge)) {
		broker_close(s->gauge);
		s->gauge = NULL;
	}
	s->gauge_us = now;
	if (s->gauge)
		return 0;
	return relay_open_beside(r, "weir-relay queues", ASK_S, &s->gauge, err);
}

static void tell_not_asked(struct queue *q, const struct weir_error *why)
{
	if (q->unasked++ == 0)
		log_event(LOG_WARN, "queue_not_asked", "kind=%s error=\"%s\"", q->kind, why->text);
}

static void not_asked(struct relay *r, struct queue *q, const struct weir_error *why)
{
	struct schedule *s = &r->schedule;
	struct weir_error later;
	q->ask_us = clock_us() + clock_backoff_us(ASK_AGAIN_US, ASK_AGAIN_CAP_US, q->unasked);
	if (s->gauge && strcmp(why->code, "broker_missing") == 0 &&
	    broker_reopen(s->gauge, &later) == 0) {
		r->topology_due = true;
		return;
	}
	broker_close(s->gauge);
	s->gauge = NULL;
	tell_not_asked(q, why);
}

/* The broker lets in nobody who would ask, and what is connected goes on: as deep as the queue was
 * it may be filled, by what the ledger knows. */
static int guess(struct relay *r, size_t queue, const struct weir_error *why)
{
	struct queue *q = &r->schedule.queues[queue];
	struct weir_error later;
	PGresult *rows = NULL;
	int64_t began = clock_us();
	params_reset(&r->params);
	params_string(&r->params, q->kind);
	params_big(&r->params, q->depth);
	if (!r->ours || ledger_query(r->ledger, newest, &r->params, true, &rows, &later) < 0) {
		not_asked(r, q, r->ours ? &later : why);
		return -1;
	}
	int64_t n = ledger_big(rows, 0, 0), now = clock_us();
	PQclear(rows);
	tell_not_asked(q, why);
	q->ready = n < q->depth ? (uint32_t)n : q->depth;
	q->since = on_the_way(r, queue);
	q->ask_us = now + r->options.queue_time_ms * 1000 / 2 + (now - began) * (LOOK_SHARE - 1);
	return 0;
}

/* With many from which nobody takes anything, asking after them takes one part in ASK_SHARE of the
 * time. */
static int64_t ask_again_us(const struct relay *r, bool still, int64_t took_us)
{
	int64_t least = r->options.queue_time_ms * 1000 / 2;
	int64_t share = took_us * (int64_t)r->schedule.queue_count * ASK_SHARE;
	if (share > ASK_SHARE_CAP_US)
		share = ASK_SHARE_CAP_US;
	return still && share > least ? share : least;
}

static int ask(struct relay *r, size_t queue)
{
	struct queue *q = &r->schedule.queues[queue];
	uint32_t before = q->ready;
	int64_t began = clock_us();
	struct weir_error why;
	char name[NAMES_MAX];
	queue_of(q->kind, name);
	const struct broker_queue named = {.name = name};
	if (open_gauge(r, &why) < 0)
		return guess(r, queue, &why);
	if (broker_declare_queue(r->schedule.gauge, &named, true, &q->ready, &why) < 0) {
		not_asked(r, q, &why);
		return -1;
	}
	if (q->unasked > 0)
		log_event(LOG_INFO, "queue_asked_again", "kind=%s", q->kind);
	q->unasked = 0;
	bool still = q->filled && q->since == 0 && q->ready >= before;
	q->since = on_the_way(r, queue);
	q->ask_us = clock_us() + ask_again_us(r, still, clock_us() - began);
	raise_bound(q, &r->options);
	q->depth = schedule_depth(q, &r->options);
	q->filled = false;
	return 0;
}

/* How many messages more it may have. */
static uint32_t room_of(struct relay *r, size_t queue)
{
	struct queue *q = &r->schedule.queues[queue];
	int64_t now = clock_us();
	if (now >= q->ask_us && ask(r, queue) < 0)
		return 0;
	uint32_t used = q->ready + q->since;
	if (used < q->depth)
		return q->depth - used;
	q->filled = true;
	return 0;
}

static uint32_t confirmed_of(const struct run *run)
{
	uint32_t n = 0;
	for (int row = 0; row < run->count; row++)
		n += run->states[row] == ROW_CONFIRMED;
	return n;
}

/* A queue that is full has got no more than it has confirmed, and keeps that unless somebody takes
 * it out, which makes room. What the broker counts may lag behind this run, not behind the next. */
bool schedule_has_taken(struct relay *r, const struct run *run)
{
	const struct queue *q = &r->schedule.queues[run->picks.queue];
	uint32_t last = q->ready, own = (uint32_t)run->count;
	uint32_t before = last + (q->since > own ? q->since - own : 0);
	if ((q->unasked > 0 && clock_us() < q->ask_us) || ask(r, run->picks.queue) < 0 ||
	    q->unasked > 0)
		return false;
	return q->ready == 0 || q->ready < last || q->ready > before + confirmed_of(run);
}

/* ---- what is due ---- */

static int compare(const struct flow *f, struct weir_text job, int32_t stage)
{
	size_t size = strlen(f->job_id), least = size < job.size ? size : job.size;
	int c = memcmp(f->job_id, job.data, least);
	if (c == 0 && size != job.size)
		c = size < job.size ? -1 : 1;
	return c != 0 ? c : (f->stage > stage) - (f->stage < stage);
}

/* Of the first `count`, which are sorted. */
static struct flow *find_flow(struct schedule *s, size_t count, struct weir_text job, int32_t stage)
{
	size_t from = 0, to = count;
	while (from < to) {
		size_t middle = (from + to) / 2;
		int c = compare(&s->flows[middle], job, stage);
		if (c == 0)
			return &s->flows[middle];
		if (c < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static bool is_due(const struct flow *f)
{
	return f->due[OUTBOX_BATCHES] || f->due[OUTBOX_RETRIES];
}

static struct flow *add_flow(struct schedule *s, struct weir_text job, int32_t stage)
{
	struct flow *more = realloc(s->flows, (s->count + 1) * sizeof *more);
	if (!more)
		return NULL;
	s->flows = more;
	more += s->count++;
	*more = (struct flow){.stage = stage, .fresh = true};
	snprintf(more->job_id, sizeof more->job_id, "%.*s", (int)job.size, job.data);
	return more;
}

/* sorted: so many flows can be searched. Without memory it is not there. */
static void note_flow(struct relay *r, const PGresult *rows, int row, size_t sorted)
{
	struct schedule *s = &r->schedule;
	struct weir_text job = ledger_text(rows, row, COL_FLOW_JOB);
	int32_t stage = ledger_int(rows, row, COL_FLOW_STAGE);
	size_t queue = schedule_find(r, ledger_text(rows, row, COL_FLOW_KIND));
	bool batches = ledger_bool(rows, row, COL_BATCHES);
	bool retries = ledger_bool(rows, row, COL_RETRIES);
	struct flow *f = find_flow(s, sorted, job, stage);
	if (queue == SIZE_MAX || (!f && !batches && !retries) ||
	    (!f && !(f = add_flow(s, job, stage))))
		return;
	f->queue = queue;
	f->batch_size = ledger_int(rows, row, COL_BATCH_SIZE);
	f->due[OUTBOX_BATCHES] = batches;
	f->due[OUTBOX_RETRIES] = retries;
}

static int by_name(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;
	int c = strcmp(x->job_id, y->job_id);
	return c != 0 ? c : (x->stage > y->stage) - (x->stage < y->stage);
}

/* Who is new waits for nobody but the one of his queue that has waited longest. */
static void place_fresh(struct schedule *s)
{
	for (size_t i = 0; i < s->queue_count; i++)
		s->queues[i].least = s->turn;
	for (size_t i = 0; i < s->count; i++) {
		const struct flow *f = &s->flows[i];
		if (!f->fresh && is_due(f) && f->turn < s->queues[f->queue].least)
			s->queues[f->queue].least = f->turn;
	}
	for (size_t i = 0; i < s->count; i++)
		if (s->flows[i].fresh)
			s->flows[i].turn = s->queues[s->flows[i].queue].least;
}

static void forget_idle(struct schedule *s)
{
	int64_t now = clock_us();
	size_t kept = 0;
	for (size_t i = 0; i < s->count; i++) {
		struct flow *f = &s->flows[i];
		if (is_due(f))
			f->due_us = now;
		if (now - f->due_us < FORGET_US)
			s->flows[kept++] = *f;
	}
	s->count = kept;
}

void schedule_note(struct relay *r, const PGresult *rows)
{
	struct schedule *s = &r->schedule;
	int n = PQntuples(rows), last = n - 1;
	size_t sorted = s->count;
	for (int i = 0; i < n; i++)
		if (ledger_text(rows, i, COL_FLOW_KIND).data)
			note_flow(r, rows, i, sorted);
	struct weir_text job = ledger_text(rows, last, COL_FLOW_JOB);
	s->after_stage = n == LOOK_FLOWS ? ledger_int(rows, last, COL_FLOW_STAGE) : 0;
	snprintf(s->after_job, sizeof s->after_job, "%.*s", n == LOOK_FLOWS ? (int)job.size : 0,
		 n == LOOK_FLOWS ? job.data : "");
	s->look_wanted = n == LOOK_FLOWS;
	forget_idle(s);
	if (s->count > 1)
		qsort(s->flows, s->count, sizeof *s->flows, by_name);
	place_fresh(s);
}

int schedule_look(struct relay *r, bool pressing, struct weir_error *err)
{
	struct schedule *s = &r->schedule;
	struct params *p = &r->params;
	PGresult *rows = NULL;
	int64_t began = clock_us();
	if (began < (pressing ? s->look_us : s->look_us + LOOK_APART_US))
		return 0;
	params_reset(p);
	params_string(p, r->only_job ? r->only_job : s->after_job);
	params_int(p, r->only_job ? 0 : s->after_stage);
	params_string(p, r->only_job ? r->only_job : "~"); /* behind all names */
	params_big(p, LOOK_FLOWS);
	if (ledger_query(r->ledger, look, p, true, &rows, err) < 0)
		return -1;
	schedule_note(r, rows);
	PQclear(rows);
	int64_t now = clock_us();
	s->look_us = now + (now - began) * (LOOK_SHARE - 1);
	return 0;
}

/* ---- turns ---- */

/* What a flow counts for among others, in turns of a quantum. Priorities and weights would be said
 * here. */
static int32_t weight_of(const struct flow *f)
{
	(void)f;
	return 1;
}

/* So many rows: batches or retries. */
static int32_t quantum_of(const struct flow *f, enum outbox_number outbox)
{
	int32_t rows = outbox == OUTBOX_RETRIES ? QUANTUM : QUANTUM / f->batch_size;
	return (rows < 1 ? 1 : rows) * weight_of(f);
}

static int32_t items_of(const struct flow *f, enum outbox_number outbox)
{
	return outbox == OUTBOX_RETRIES ? 1 : f->batch_size;
}

static bool before(const struct flow *a, const struct flow *b)
{
	return a->turn != b->turn ? a->turn < b->turn : !a->fresh && b->fresh;
}

/* Those that come next, in order: how many. */
static int line_up(const struct schedule *s, enum outbox_number outbox, size_t queue, int most,
		   struct flow **line)
{
	int n = 0;
	for (size_t i = 0; i < s->count; i++) {
		struct flow *f = &s->flows[i];
		if (!f->due[outbox] || f->queue != queue || (n == most && !before(f, line[n - 1])))
			continue;
		int at = n < most ? n++ : n - 1;
		for (; at > 0 && before(f, line[at - 1]); at--)
			line[at] = line[at - 1];
		line[at] = f;
	}
	return n;
}

/* A quantum each, and again, while there is room for items and rows. */
static void deal(struct flow *const *line, int n, enum outbox_number outbox, int64_t rows,
		 int64_t items, struct picks *picks)
{
	for (int i = 0; rows > 0 && items > 0; i = (i + 1) % n) {
		int64_t size = items_of(line[i], outbox);
		int64_t most = quantum_of(line[i], outbox);
		if (most > rows)
			most = rows;
		if (most > (items + size - 1) / size)
			most = (items + size - 1) / size;
		if (i == picks->count) {
			picks->list[i] = (struct pick){.stage = line[i]->stage};
			memcpy(picks->list[i].job_id, line[i]->job_id, sizeof line[i]->job_id);
			picks->count++;
		}
		picks->list[i].most += (int32_t)most;
		rows -= most;
		items -= most * size;
	}
}

/* rows: at most; room: there is, for so many items; 0: ask. */
static bool pick(struct relay *r, enum outbox_number outbox, size_t queue, int64_t rows,
		 uint32_t room, struct picks *picks)
{
	struct schedule *s = &r->schedule;
	struct flow *line[RUN_BATCHES_MAX];
	int n = line_up(s, outbox, queue, rows < RUN_BATCHES_MAX ? (int)rows : RUN_BATCHES_MAX,
			line);
	if (n == 0 || (room == 0 && (room = room_of(r, queue)) == 0))
		return false;
	picks->queue = queue;
	picks->count = 0;
	deal(line, n, outbox, rows, room, picks);
	s->turn++;
	for (int i = 0; i < picks->count; i++) {
		line[i]->turn = s->turn;
		line[i]->fresh = false;
	}
	return true;
}

bool schedule_pick_from(struct relay *r, enum outbox_number outbox, size_t queue, int rows,
			bool if_room, struct picks *picks)
{
	return pick(r, outbox, queue, rows, if_room ? 0 : UINT32_MAX, picks);
}

bool schedule_pick(struct relay *r, enum outbox_number outbox, struct picks *picks)
{
	struct schedule *s = &r->schedule;
	int64_t rows = outbox == OUTBOX_RETRIES ? outbox_retries.most : r->run_batches;
	for (size_t i = 1; i <= s->queue_count; i++) {
		size_t queue = (s->last_queue[outbox] + i) % s->queue_count;
		if (s->queues[queue].apart > 0 || !pick(r, outbox, queue, rows, 0, picks))
			continue;
		s->last_queue[outbox] = queue;
		return true;
	}
	return false;
}

void schedule_first(struct relay *r, const struct picks *picks)
{
	struct schedule *s = &r->schedule;
	for (int i = 0; i < picks->count; i++) {
		struct weir_text job = {picks->list[i].job_id, strlen(picks->list[i].job_id)};
		struct flow *f = find_flow(s, s->count, job, picks->list[i].stage);
		if (f)
			f->turn = 0;
	}
}

void schedule_add(struct params *p, const struct picks *picks)
{
	size_t n = (size_t)picks->count;
	params_array(p, TYPE_TEXT, n);
	for (size_t i = 0; i < n; i++)
		params_add_text(p, (struct weir_text){picks->list[i].job_id,
						      strlen(picks->list[i].job_id)});
	params_array_end(p);
	params_array(p, TYPE_INT4, n);
	for (size_t i = 0; i < n; i++)
		params_add_int(p, picks->list[i].stage);
	params_array_end(p);
	params_array(p, TYPE_INT4, n);
	for (size_t i = 0; i < n; i++)
		params_add_int(p, picks->list[i].most);
	params_array_end(p);
}

static bool is_of(const PGresult *rows, int row, const struct pick *pick)
{
	struct weir_text job = ledger_text(rows, row, COL_JOB);
	return ledger_int(rows, row, COL_STAGE) == pick->stage &&
	       strlen(pick->job_id) == job.size && memcmp(pick->job_id, job.data, job.size) == 0;
}

/* Whose rows were asked for and did not come has none, or another relay has them. */
void schedule_taken(struct relay *r, enum outbox_number outbox, const struct picks *picks,
		    const PGresult *rows)
{
	struct schedule *s = &r->schedule;
	int n = PQntuples(rows), row = 0;
	for (int i = 0; i < picks->count; i++) {
		const struct pick *pick = &picks->list[i];
		struct weir_text job = {pick->job_id, strlen(pick->job_id)};
		int from = row;
		while (row < n && is_of(rows, row, pick))
			row++;
		struct flow *f = find_flow(s, s->count, job, pick->stage);
		if (f && row == from && (n == 0 || row < n))
			f->due[outbox] = false;
	}
	s->queues[picks->queue].since += (uint32_t)n;
}

/* ---- time ---- */

void schedule_when(const struct relay *r, int64_t *at_us)
{
	const struct schedule *s = &r->schedule;
	if (s->look_wanted && s->look_us < *at_us)
		*at_us = s->look_us;
	for (size_t i = 0; i < s->count; i++) {
		const struct queue *q = &s->queues[s->flows[i].queue];
		if (is_due(&s->flows[i]) && q->apart == 0 && q->ask_us < *at_us)
			*at_us = q->ask_us;
	}
}

void schedule_release(struct relay *r)
{
	struct schedule *s = &r->schedule;
	broker_close(s->gauge);
	free(s->flows);
	free(s->queues);
	*s = (struct schedule){0};
}
