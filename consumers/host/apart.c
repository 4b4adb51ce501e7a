#include "apart.h"

#include <string.h>

#include "asks.h"
#include "entries.h"
#include "owed.h"
#include "trouble.h"
#include "weir/clock.h"
#include "weir/log.h"

#define KIND_US 60000000    /* a kind is stored apart for so long after it last failed, */
#define JOB_US 10000000	    /* a job for so long */
#define MOST_US 40000000    /* that something is tried for, then it is put off */
#define MOST_WAITS 3	    /* behind the fleet itself: one of it may have been frozen */
#define STOPPING_US 2000000 /* the same, on the way out */
#define STUCK_US 10000000   /* a job's items are tried with little patience for so long */
#define MOMENT_US 2000000   /* what is missing may be back */
#define PUT_OFF_US 2000000  /* at the least */
#define AGAIN_US 500000	    /* what cannot even be put off is tried again after this, */
#define AGAIN_CAP_US 30000000
#define IDLE_US 10000000   /* a connection that nobody needs is kept for so long */
#define PATIENCE_MS 900000 /* for what stands alone, and takes too long all the same */
#define PAUSING_LEVEL 4	   /* a sixteenth: enough to say that it is not one odd row */

/* How patient each level is with a lock that somebody may hold for hours. What is slow has the same
 * time at each: there is less and less of it. */
static const int lock_ms[] = {1000, 300, 100, 50, 20};

enum { LEVELS = sizeof lock_ms / sizeof *lock_ms };

#define STATEMENT_MS 2000
#define QUICK_US 500000 /* a quarter of that, */
#define FITS_US 1500000 /* and what leaves room for a bit more */
#define QUEUE_MS                                                                                   \
	30000 /* for a lock that the fleet's own transactions hold, one after the other            \
	       */

enum sort { SORT_OTHER, SORT_STUCK, SORT_REFUSED };

/* ---- which failures ---- */

static enum step_kind failed_step(const struct flush *f)
{
	return f->failed_step < f->step_count ? f->steps[f->failed_step].kind : STEP_PLAIN;
}

static bool sqlstate_is(const struct flush *f, const char *prefix)
{
	return strncmp(ledger_sqlstate(*f->ledger), prefix, strlen(prefix)) == 0;
}

static bool is_apart(const struct flush *f) { return f->from == DELIVERY_APART; }

/* What was prepared on this connection may be out of date: a new one comes first. */
static bool may_be_stale(const struct flush *f)
{
	return f->pauses == 0 && (sqlstate_is(f, "0A000") || sqlstate_is(f, "26000"));
}

static enum sort sort_of(const struct flush *f, enum ledger_fault fault)
{
	enum step_kind step = failed_step(f);
	if (!ledger_alive(*f->ledger) || !*ledger_sqlstate(*f->ledger))
		return SORT_OTHER;
	if (fault == LEDGER_SETUP && (step == STEP_STORE || step == STEP_COMMIT))
		return may_be_stale(f) ? SORT_OTHER : SORT_REFUSED;
	if (fault != LEDGER_BUSY)
		return SORT_OTHER;
	if (sqlstate_is(f, "40")) /* once more, all together */
		return is_apart(f) || f->pauses > 0 ? SORT_STUCK : SORT_OTHER;
	/* What is deferred to the commit (constraints, their triggers) is of somebody's table, too.
	 */
	bool of_some = step == STEP_STORE || step == STEP_COMMIT;
	return of_some || ledger_timed_out(*f->ledger) ? SORT_STUCK : SORT_OTHER;
}

static struct trouble trouble_of(const struct flush *f)
{
	struct trouble t = {.sqlstate = ledger_sqlstate(*f->ledger),
			    .text = f->error.text,
			    .context = ledger_context(*f->ledger),
			    .role = ledger_role(*f->ledger)};
	t.sql = ledger_failed_sql(*f->ledger, &t.at);
	return t;
}

static void tell(const struct flush *f, enum sort sort, const struct delivery *one,
		 struct weir_error *out)
{
	struct trouble t = trouble_of(f);
	if (sort == SORT_REFUSED)
		trouble_refused(&t, one->lane ? one->lane->plugin.plugin.kind : "",
				one->job ? one->job->id : "", out);
	else
		trouble_stuck(&t, out);
}

/* ---- from the flush of all that is well ---- */

static void move_apart(struct consumer *c, struct delivery *one, int64_t now)
{
	one->group = one->level = 0;
	one->apart_us = now;
	one->again_us = 0;
	one->patient = false;
	one->waits = 0;
	*one->trouble->code = '\0';
	delivery_move(&c->deliveries, one, DELIVERY_APART, false);
}

/* Of which kind it is; NULL: a statement of the host, which may be anybody's. */
static struct lane *lane_of(const struct flush *f)
{
	const struct step *s = &f->steps[f->failed_step];
	return failed_step(f) == STEP_STORE ? f->owners[s->statement.first]->lane : NULL;
}

static void until(int64_t *at, int64_t us)
{
	if (*at < us)
		*at = us;
}

static void mark(struct consumer *c, struct lane *lane, const struct delivery *one, int64_t now)
{
	int64_t us = now + (lane ? KIND_US : JOB_US);
	if (lane)
		until(&lane->apart_until_us, us);
	else if (one->fate == FATE_REFUSED)
		until(&c->letters_apart_until_us, us);
	else
		until(&one->job->apart_until_us, us);
	until(&c->apart_until_us, us);
}

static bool is_slow(const struct weir_error *why) { return strcmp(why->code, "slow_store") == 0; }

/* What stores many rows an item may take longer for all of a flush than it has. It gets half as
 * much the next time, and so on; more again where that leaves time (more_of). */
static void take_less(struct lane *lane, size_t size) { lane->at_once = size > 1 ? size / 2 : 1; }

static void leave(struct flush *f, enum sort sort)
{
	struct consumer *c = f->consumer;
	struct lane *lane = lane_of(f);
	struct delivery *first =
		lane ? f->owners[f->steps[f->failed_step].statement.first] : f->entries[0];
	struct weir_error why;
	int64_t now = clock_us();
	size_t kept = 0;
	tell(f, sort, first, &why);
	flush_note(f, LOG_WARN, "stored_apart", first, f->size, &why);
	for (size_t i = 0; i < f->size; i++) {
		struct delivery *d = f->entries[i];
		if (lane && (d->lane != lane || !flush_has_effects(d))) {
			f->entries[kept++] = d;
			continue;
		}
		mark(c, lane, d, now);
		move_apart(c, d, now);
	}
	if (lane && is_slow(&why))
		take_less(lane, f->size - kept);
	flush_put_back(f, 0, kept, kept > 0 ? f->entries[0]->group : 0);
}

/* ---- apart ---- */

/* What is of no item, or no verdict that the plugin could make again, stays in hand (owed.h). */
static void give_up(struct consumer *c, struct delivery *one, const struct weir_error *why)
{
	if (flush_has_effects(one) || one->fate == FATE_FAILED) {
		buffer_release(&one->result);
		one->group = 0;
		if (job_stops(one->job)) /* and a resume is not to wait for long */
			work_defer(c, one, ASKS_PAUSED_US, why->code, why->text);
		else
			work_wait(c, one, PUT_OFF_US, why->code, why->text);
		return;
	}
	one->group = flush_group(&c->flush);
	one->again_us = clock_us() + clock_backoff_us(AGAIN_US, AGAIN_CAP_US, one->level++);
	delivery_move(&c->deliveries, one, DELIVERY_APART, false);
}

/* All of them, but not at once. */
static void put_back(struct flush *f)
{
	take_less(f->entries[0]->lane, f->size);
	flush_put_back(f, 0, f->size, f->entries[0]->group);
}

/* Behind what was tried less often. */
static void halve(struct flush *f)
{
	struct consumer *c = f->consumer;
	size_t half = f->size / 2;
	uint32_t first = flush_group(f), second = flush_group(f);
	for (size_t i = 0; i < f->size; i++) {
		f->entries[i]->group = i < half ? first : second;
		f->entries[i]->level++;
		delivery_move(&c->deliveries, f->entries[i], DELIVERY_APART, false);
	}
}

/* Whether somebody else than the fleet has had a transaction open for some time that locks
 * something. If not, what was waited for is held by others like us, who are done in their turn. Of
 * another role's session only the id may be known: it may be anybody, as may a prepared
 * transaction, which has none. */
static const char others_hold[] =
	"SELECT EXISTS (SELECT FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)"
	" WHERE l.granted AND l.mode <> 'AccessShareLock' AND l.locktype <> 'virtualxid'"
	"  AND (l.pid IS NULL OR a.datname = current_database())"
	"  AND coalesce(a.backend_type, 'client backend') = 'client backend'"
	"  AND coalesce(a.application_name, '') NOT LIKE 'weir%'"
	"  AND coalesce(a.xact_start < now() - interval '500 ms', true))";

static bool others_stand_there(struct flush *f)
{
	struct weir_error ignored;
	PGresult *r = NULL;
	flush_roll_back(f);
	if (!ledger_alive(*f->ledger) ||
	    ledger_query(*f->ledger, others_hold, NULL, true, &r, &ignored) < 0)
		return true;
	bool some = ledger_bool(r, 0, 0);
	PQclear(r);
	return some;
}

/* All of them once more, and with more patience: it is the fleet's own queue. */
static void stand_in_line(struct flush *f)
{
	struct lane *lane = f->entries[0]->lane;
	if (lane && lane->stuck > 0)
		lane->stuck--;
	for (size_t i = 0; i < f->size; i++) {
		f->entries[i]->waits++;
		delivery_move(&f->consumer->deliveries, f->entries[i], DELIVERY_APART, false);
	}
}

/* What of its job comes later meets with the same, or is put off and comes again. */
static void note_stuck(struct job *job)
{
	if (job)
		job->stuck_until_us = clock_us() + STUCK_US;
}

static bool is_stuck(const struct job *job, int64_t now)
{
	return job && now < job->stuck_until_us;
}

static void be_stuck(struct flush *f, const struct weir_error *why)
{
	struct delivery *one = f->entries[0];
	bool slow = is_slow(why);
	bool held = strcmp(why->code, "locked") == 0 || strcmp(why->code, "conflict") == 0;
	if (held && one->waits < MOST_WAITS && !others_stand_there(f)) {
		stand_in_line(f);
		return;
	}
	if (held)
		note_stuck(one->job);
	if (f->size > 1) {
		(slow && one->lane && flush_has_effects(one) ? put_back : halve)(f);
		return;
	}
	one->level++;
	if (!slow || one->patient) {
		give_up(f->consumer, one, why);
		return;
	}
	one->patient = true;
	one->group = flush_group(f);
	delivery_move(&f->consumer->deliveries, one, DELIVERY_APART, false);
}

/* Whoever puts another table, or its rights, in the place of one has none there for a moment. */
static bool wait_a_moment(struct flush *f)
{
	int64_t now = clock_us();
	if (f->consumer->stopping || now - f->entries[0]->apart_us >= MOMENT_US)
		return false;
	for (size_t i = 0; i < f->size; i++) {
		f->entries[i]->again_us = now + MOMENT_US / 10;
		delivery_move(&f->consumer->deliveries, f->entries[i], DELIVERY_APART, false);
	}
	return true;
}

/* Whoever has nothing to do with it is stored all the same. */
static void be_refused(struct flush *f, const struct weir_error *why)
{
	struct delivery *one = f->entries[0];
	if (wait_a_moment(f))
		return;
	if (one->job && (f->size == 1 || one->level >= PAUSING_LEVEL))
		errand_pause(f->consumer, one->job, why);
	if (f->size > 1) {
		halve(f);
	} else {
		one->level++;
		give_up(f->consumer, one, why);
	}
}

static void stay(struct flush *f, enum sort sort)
{
	struct delivery *one = f->entries[0];
	struct weir_error why;
	int64_t now = clock_us();
	tell(f, sort, one, &why);
	flush_note(f, LOG_DEBUG, "still_apart", one, f->size, &why);
	for (size_t i = 0; i < f->size; i++)
		*f->entries[i]->trouble = why;
	if (one->lane && flush_has_effects(one)) {
		one->lane->stuck++;
		mark(f->consumer, one->lane, one, now);
	} else {
		mark(f->consumer, NULL, one, now);
	}
	(sort == SORT_REFUSED ? be_refused : be_stuck)(f, &why);
}

bool apart_takes(struct flush *f, enum ledger_fault fault)
{
	enum sort sort = sort_of(f, fault);
	if (sort == SORT_OTHER)
		return false;
	(is_apart(f) ? stay : leave)(f, sort);
	return true;
}

void apart_keep(struct flush *f)
{
	struct consumer *c = f->consumer;
	struct delivery *one = f->entries[0];
	struct weir_error why = f->error;
	if (!is_apart(f))
		move_apart(c, one, clock_us());
	give_up(c, one, &why);
}

/* Some of the time may have been spent waiting for others of the fleet, however little it was: so
 * a bit more is tried also where it was not quick. */
static size_t more_of(size_t at_once, const struct flush *f, int64_t took_us)
{
	bool waited = f->statement_ms > STATEMENT_MS;
	if (took_us < QUICK_US)
		return at_once;
	return waited || took_us < FITS_US ? at_once / 4 + 1 : 0;
}

void apart_stored(struct flush *f)
{
	struct lane *lane = f->entries[0]->lane;
	int64_t now = clock_us();
	if (!is_apart(f) || !lane || f->result_count == 0)
		return;
	lane->stuck = 0;
	if (lane->at_once == 0 || f->entries[0]->patient) /* that one says nothing of others */
		return;
	mark(f->consumer, lane, NULL, now); /* its next ones come here, too */
	if (f->result_count >= lane->at_once)
		lane->at_once += more_of(lane->at_once, f, now - f->began_us);
	if (lane->at_once >= (size_t)f->consumer->options.flush)
		lane->at_once = 0;
}

/* ---- which comes next ---- */

static bool is_marked(const struct consumer *c, const struct delivery *d, int64_t now)
{
	if (d->fate == FATE_REFUSED)
		return now < c->letters_apart_until_us;
	return (d->lane && now < d->lane->apart_until_us && flush_has_effects(d)) ||
	       (d->job && now < d->job->apart_until_us);
}

void apart_sort(struct consumer *c)
{
	struct delivery *next;
	int64_t now = clock_us();
	if (now >= c->apart_until_us)
		return;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_ENDED].first; d; d = next) {
		next = d->after;
		if (is_marked(c, d, now))
			move_apart(c, d, now);
	}
}

/* What was not even tried waits for those that were, or for a connection. */
static void give_up_untried(struct consumer *c, struct delivery *one)
{
	const struct apart *a = &c->aparts[one->patient];
	struct weir_error why;
	if (a->ledger)
		weir_fail(&why, "store_away", "it waits behind others that cannot be stored now");
	else
		weir_fail(&why, "store_away", "it waits for a connection to store it with%s%s",
			  *a->why.text ? ": " : "", a->why.text);
	give_up(c, one, &why);
}

/* Behind a lock, where others have no room, sooner. */
static int64_t most_us(const struct consumer *c, const struct delivery *one, int64_t now)
{
	if (c->stopping)
		return STOPPING_US;
	return is_stuck(one->job, now) && intake_crowds(c, one) ? OWED_LONG_US : MOST_US;
}

/* What has no effects stays, and may have no message any more (owed.h). */
static void give_up_old(struct consumer *c, int64_t now)
{
	struct delivery *next;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_APART].first; d; d = next) {
		next = d->after;
		if (!d->job || !(flush_has_effects(d) || d->fate == FATE_FAILED) ||
		    now - d->apart_us <= most_us(c, d, now))
			continue;
		if (*d->trouble->code)
			give_up(c, d, d->trouble);
		else
			give_up_untried(c, d);
	}
}

static bool goes_before(const struct delivery *a, const struct delivery *b, int64_t now)
{
	bool a_stuck = is_stuck(a->job, now), b_stuck = is_stuck(b->job, now);
	return a_stuck != b_stuck ? b_stuck : a->level < b->level;
}

/* What was tried less often; of a job that nothing stands in the way of, as far as is known. */
static struct delivery *find_first(const struct consumer *c, bool patient, int64_t now)
{
	struct delivery *best = NULL;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_APART].first; d; d = d->after)
		if (d->patient == patient && d->again_us <= now &&
		    (!best || goes_before(d, best, now)))
			best = d;
	return best;
}

static bool goes_with(const struct delivery *first, const struct delivery *d)
{
	return d->group == first->group && d->lane == first->lane && d->job == first->job &&
	       d->patient == first->patient && d->waits == first->waits &&
	       d->again_us == first->again_us && flush_has_effects(d) == flush_has_effects(first);
}

static void set_limits(struct apart *a, const struct delivery *first)
{
	unsigned level = first->level, stuck = first->lane ? first->lane->stuck : 0;
	if (level < stuck) /* nothing of it could be stored for some time */
		level = stuck;
	if (level >= LEVELS || is_stuck(first->job, clock_us())) /* a look, whether it still is */
		level = LEVELS - 1;
	a->flush.lock_ms = first->waits > 0 ? QUEUE_MS : lock_ms[level];
	a->flush.statement_ms = STATEMENT_MS;
	if (first->waits > 0)
		a->flush.statement_ms = 2 * QUEUE_MS;
	if (a->patient)
		a->flush.statement_ms = PATIENCE_MS;
}

static void take_group(struct consumer *c, struct apart *a, struct delivery *first)
{
	struct delivery *next;
	size_t bytes = 0, most = (size_t)c->options.flush;
	if (first->lane && first->lane->at_once > 0 && flush_has_effects(first))
		most = first->lane->at_once;
	set_limits(a, first);
	a->flush.size = 0;
	for (struct delivery *d = first; d && a->flush.size < most; d = next) {
		next = d->after;
		if (d != first && !goes_with(first, d))
			continue;
		bytes += d->result.size + d->body_size;
		flush_take(&a->flush, d);
		if (bytes >= FLUSH_BYTES)
			break;
	}
}

/* ---- the connections ---- */

static bool connect_apart(struct consumer *c, struct apart *a, int64_t now)
{
	struct weir_error *why = &a->why;
	if (a->ledger)
		return true;
	if (!c->ledger || now < a->back.at_us) /* it blocks while nobody answers: once is enough */
		return false;
	if (ledger_open(c->settings.pg_url, "weir-consumer apart", true, &a->ledger, why) == 0 &&
	    ledger_limits(a->ledger, FLUSH_LOCK_MS, FLUSH_MS, why) == 0) {
		a->back.tries = 0;
		return true;
	}
	causes_note(&c->causes, LOG_WARN, "ledger_away", "connection=apart", "", 1, why);
	ledger_close(a->ledger);
	a->ledger = NULL;
	comeback_put_off(&a->back);
	return false;
}

void flush_lose(struct flush *f, const struct weir_error *why)
{
	struct consumer *c = f->consumer;
	if (!is_apart(f)) {
		consumer_lose_ledger(c, why);
		return;
	}
	log_event(LOG_WARN, "ledger_lost", "connection=apart error=\"%s\"", why->text);
	ledger_close(*f->ledger);
	*f->ledger = NULL;
	flush_abandon(f);
	for (size_t i = 0; i < APARTS; i++)
		if (f == &c->aparts[i].flush)
			comeback_put_off(&c->aparts[i].back);
}

void apart_open(struct consumer *c)
{
	c->flush.consumer = c;
	c->flush.ledger = &c->ledger;
	c->flush.from = DELIVERY_ENDED;
	for (size_t i = 0; i < APARTS; i++) {
		struct apart *a = &c->aparts[i];
		a->patient = i > 0;
		a->flush.consumer = c;
		a->flush.ledger = &a->ledger;
		a->flush.from = DELIVERY_APART;
	}
}

void apart_close(struct consumer *c)
{
	for (size_t i = 0; i < APARTS; i++) {
		struct apart *a = &c->aparts[i];
		PQclear(a->flush.claims);
		params_release(&a->flush.params);
		ledger_close(a->ledger);
		a->ledger = NULL;
	}
}

/* ---- the loop's view ---- */

static void turn(struct consumer *c, struct apart *a, int64_t now)
{
	struct delivery *first;
	flush_turn(&a->flush);
	if (a->flush.state != FLUSH_IDLE || now < a->flush.pause_until_us)
		return;
	first = find_first(c, a->patient, now);
	if (first && connect_apart(c, a, now)) {
		a->used_us = now;
		take_group(c, a, first);
		flush_send(&a->flush);
	} else if (!first && a->ledger && now - a->used_us > IDLE_US) {
		ledger_close(a->ledger);
		a->ledger = NULL;
	}
}

void apart_turn(struct consumer *c)
{
	int64_t now = clock_us();
	apart_sort(c);
	give_up_old(c, now);
	owed_turn(c, now);
	for (size_t i = 0; i < APARTS; i++)
		turn(c, &c->aparts[i], now);
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t apart_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_APART].first; d; d = d->after) {
		const struct apart *a = &c->aparts[d->patient];
		if (a->flush.state != FLUSH_IDLE)
			continue; /* its end is heard of */
		int64_t at = later(d->again_us, a->flush.pause_until_us);
		if (!a->ledger)
			at = c->ledger ? later(at, a->back.at_us) : INT64_MAX;
		if (at < next)
			next = at;
	}
	return next;
}

void apart_poll(const struct consumer *c, struct pollfd fds[APARTS])
{
	for (size_t i = 0; i < APARTS; i++) {
		const struct apart *a = &c->aparts[i];
		bool busy = a->ledger && a->flush.state != FLUSH_IDLE;
		fds[i] = (struct pollfd){.fd = busy ? ledger_fd(a->ledger) : -1, .events = POLLIN};
		if (busy && ledger_wants_write(a->ledger))
			fds[i].events |= POLLOUT;
	}
}
