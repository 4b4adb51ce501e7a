#include "weir/pace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_list.h"
#include "pace_bucket.h"
#include "weir/clock.h"

/* How little may be kept where: in any minute the fleet begins what the minute allows, what the
 * bucket could hold (BURST), and what processes hold for BLOCK_KEPT_US; the three together are what
 * the header promises. */
enum {
	SECOND_US = 1000000,
	BLOCK_US = 250000,	   /* a block is what this process begins in so long */
	BLOCK_KEPT_US = 1000000,   /* then what is left of it is given back */
	WAIT_LEAST_US = 20000,	   /* after a no */
	WAIT_MOST_US = 1000000,	   /* meanwhile others may have given back */
	LOOK_US = 250000,	   /* without limits: for a hold of the fleet's */
	AWAY_LOOK_US = 1000000,	   /* whether Redis is back */
	RATE_WINDOW_US = 500000,   /* over which the own pace is measured */
	RATE_MEMORY_US = 2000000,  /* how far back the own pace goes */
	NEARLY_FILLED_MS = 1000,   /* the most one waits for a limit that is used up */
	FLOOR_SHARE = 50,	   /* one so-maniest of the limit goes on while Redis is away */
	FLOOR_APART_US = 10000000, /* and one call in so long */
	AVERAGE_SAMPLES = 16
};

/* ---- what there is ---- */

/* One model's pace in this process. */
struct paced {
	struct model_entry entry;
	struct bucket bucket;

	struct amounts block; /* borrowed and not yet begun */
	int64_t borrowed_us;  /* when; also the last look of a model without limits */
	struct amounts back;  /* for the bucket, with the next borrowing; less than 0: owed to it */
	int64_t next_us, hold_us; /* nothing begins before */

	/* What calls that are under way were taken to answer. A call's part is their mean, so that
	 * the sum is right whatever the average was when it began. */
	int64_t out;
	double out_output;
	double average_input, average_output; /* of a call; -1: not known yet */

	int64_t window_us, begun; /* since when, and how many calls, for the rate */
	double rate;		  /* calls a second that began, while Redis was there */
	bool away;
	double away_level;
	int64_t away_us, away_tail_us;
};

struct pace {
	struct buckets buckets;
	struct model_entry *models;
};

int pace_open(const char *redis_url, int timeout_ms, const char *holder, struct pace **out,
	      struct weir_error *err)
{
	struct pace *p = calloc(1, sizeof(*p));

	(void)holder; /* blocks are short-lived enough to belong to nobody */
	if (!p)
		return weir_fail_memory(err);
	if (buckets_open(&p->buckets, redis_url, timeout_ms, err) < 0) {
		pace_close(p);
		return -1;
	}
	*out = p;
	return 0;
}

void pace_close(struct pace *p)
{
	if (!p)
		return;
	model_entries_free(p->models);
	buckets_close(&p->buckets);
	free(p);
}

static struct paced *find(const struct pace *p, const struct model *m)
{
	return (struct paced *)model_entry_find(p->models, m);
}

static struct paced *find_or_make(struct pace *p, const struct model *m)
{
	struct paced *s = find(p, m);

	if (s)
		return s;
	s = (struct paced *)model_entry_make(&p->models, m, sizeof(*s));
	if (!s)
		return NULL;
	s->bucket = bucket_of(m);
	s->average_input = s->average_output = -1;
	return s;
}

static struct amounts limits_of(const struct model *m)
{
	return (struct amounts){
		{(double)m->requests, (double)m->input_tokens, (double)m->output_tokens}};
}

static bool is_limited(const struct model *m)
{
	return m->requests > 0 || m->input_tokens > 0 || m->output_tokens > 0;
}

/* Before there is an answer, its output is taken for a quarter of what it may be at most. */
static struct amounts call_amounts(const struct paced *s, const struct model *m, int64_t input)
{
	int64_t most = m->max_tokens ? m->max_tokens : MODEL_MAX_TOKENS;
	double output = s->average_output >= 0 ? s->average_output : (double)most / 4;

	return (struct amounts){{1, (double)input, output}};
}

static void add(struct amounts *to, const struct amounts *what, double times)
{
	for (size_t d = 0; d < DIMENSIONS; d++)
		to->of[d] += what->of[d] * times;
}

static double average(double was, double sample)
{
	return was < 0 ? sample : was + (sample - was) / AVERAGE_SAMPLES;
}

/* ---- the own pace ---- */

static void roll_window(struct paced *s, int64_t now_us)
{
	double passed = (double)(now_us - s->window_us);

	if (s->window_us == 0) {
		s->window_us = now_us;
		return;
	}
	if (passed < RATE_WINDOW_US)
		return;
	s->rate += (1 - exp(-passed / RATE_MEMORY_US)) *
		   ((double)s->begun * SECOND_US / passed - s->rate);
	s->window_us = now_us;
	s->begun = 0;
}

/* Of a minute's limit: how long after a call the next one of the whole fleet may begin. */
static double apart_us(const struct model *m, const struct amounts *call)
{
	struct amounts limit = limits_of(m);
	double apart = 0;

	for (size_t d = 0; d < DIMENSIONS; d++) {
		if (limit.of[d] > 0)
			apart = fmax(apart, call->of[d] * 60 * SECOND_US / limit.of[d]);
	}
	return apart;
}

/* Calls a second while Redis is away: as many as there were, a few in any case, and never more than
 * the whole fleet may. */
static double away_rate(const struct paced *s, const struct model *m, const struct amounts *call)
{
	double most = SECOND_US / fmax(apart_us(m, call), 1);
	double least = fmax(most / FLOOR_SHARE, (double)SECOND_US / FLOOR_APART_US);

	return fmin(most, fmax(s->rate, least));
}

/* ---- borrowing ---- */

/* What is left of the block goes back; the caller asks for another one. */
static void put_back(struct paced *s)
{
	add(&s->back, &s->block, 1);
	s->block = (struct amounts){{0}};
}

/* Asks for n calls, the first of them being `first`. */
static int exchange(struct pace *p, struct paced *s, const struct model *m, int64_t n,
		    const struct amounts *first, struct bucket_grant *out)
{
	struct bucket_ask ask = {.calls = n,
				 .first = *first,
				 .each = *first,
				 .back = s->back,
				 .average_output = s->average_output};

	if (s->average_input >= 0)
		ask.each.of[INPUT] = s->average_input;
	if (bucket_borrow(&p->buckets, &s->bucket, m, &ask, out) < 0)
		return -1;
	s->back = (struct amounts){{0}};
	if (s->average_output < 0 && out->output >= 0)
		s->average_output = (double)out->output;
	if (out->calls > 0) {
		s->block = ask.first;
		add(&s->block, &ask.each, (double)(out->calls - 1));
	}
	return 0;
}

/* What this process begins in BLOCK_US, but no more than wants to begin. */
static int64_t block_size(const struct paced *s, size_t waiting)
{
	double most = s->rate * BLOCK_US / SECOND_US + 1;

	return (double)waiting + 1 < most ? (int64_t)waiting + 1 : (int64_t)most;
}

/* Others were told the same wait: half of it more or less keeps them apart. */
static void wait_for(struct paced *s, int64_t wait_us, int64_t now_us)
{
	wait_us = wait_us < WAIT_LEAST_US ? WAIT_LEAST_US : wait_us;
	wait_us = wait_us > WAIT_MOST_US ? WAIT_MOST_US : wait_us;
	s->next_us = now_us + wait_us + clock_backoff_us(wait_us / 2, wait_us / 2, 0);
}

/* Sets *away when Redis cannot be asked. */
static bool borrow(struct pace *p, struct paced *s, const struct model *m,
		   const struct amounts *call, size_t waiting, int64_t now_us)
{
	struct bucket_grant granted;

	put_back(s);
	if (exchange(p, s, m, block_size(s, waiting), call, &granted) < 0) {
		s->back = (struct amounts){{0}}; /* by then the bucket is full anyway */
		s->away = true;
		s->borrowed_us = clock_us(); /* a server that hangs has taken a while */
		s->away_us = now_us;
		s->away_level = 1;
		return false;
	}
	s->borrowed_us = now_us;
	if (granted.hold_ms > 0)
		s->hold_us = now_us + granted.hold_ms * 1000;
	if (granted.calls == 0)
		wait_for(s, granted.wait_us, now_us);
	return granted.calls > 0;
}

/* ---- while Redis is away ---- */

/* Whether it is back; asked now and then. */
static bool is_back(struct pace *p, struct paced *s, const struct model *m, int64_t now_us)
{
	static const struct amounts nothing;
	struct bucket_grant granted;

	if (now_us - s->borrowed_us < AWAY_LOOK_US)
		return false;
	if (exchange(p, s, m, 0, &nothing, &granted) < 0) {
		s->borrowed_us = clock_us();
		return false;
	}
	s->away = false;
	s->window_us = 0;
	s->begun = 0;
	if (granted.hold_ms > 0)
		s->hold_us = now_us + granted.hold_ms * 1000;
	return true;
}

static bool take_away(struct paced *s, const struct model *m, const struct amounts *call,
		      int64_t now_us)
{
	double rate = away_rate(s, m, call);

	s->away_level += (double)(now_us - s->away_us) * rate / SECOND_US;
	s->away_level = fmin(s->away_level, fmax(1, rate * BLOCK_US / SECOND_US));
	s->away_us = now_us;
	if (s->away_level < 1) {
		s->next_us = now_us + (int64_t)((1 - s->away_level) * SECOND_US / rate) + 1;
		return false;
	}
	s->away_level -= 1;
	return true;
}

/* ---- taking ---- */

static void begin(struct paced *s, const struct amounts *call, int64_t now_us)
{
	s->out++;
	s->out_output += call->of[OUTPUT];
	s->average_input = average(s->average_input, call->of[INPUT]);
	if (!s->away) {
		s->begun++;
		roll_window(s, now_us);
	}
}

/* Without limits a look at Redis now and then tells of a hold. */
static bool take_unlimited(struct pace *p, struct paced *s, const struct model *m,
			   const struct amounts *call, int64_t now_us)
{
	if (now_us - s->borrowed_us >= LOOK_US) {
		borrow(p, s, m, call, 0, now_us);
		s->away = false;
		s->borrowed_us = now_us;
		s->next_us = 0;
	}
	return s->hold_us <= now_us;
}

static bool in_block(const struct paced *s, const struct model *m, const struct amounts *call)
{
	struct amounts limit = limits_of(m);

	if (s->block.of[REQUESTS] < 1)
		return false;
	for (size_t d = 0; d < DIMENSIONS; d++) {
		if (limit.of[d] > 0 && s->block.of[d] + 1e-6 < call->of[d])
			return false;
	}
	return true;
}

static bool take_limited(struct pace *p, struct paced *s, const struct model *m,
			 const struct amounts *call, size_t waiting, int64_t now_us)
{
	if (s->away && !is_back(p, s, m, now_us))
		return take_away(s, m, call, now_us);
	if (now_us - s->borrowed_us > BLOCK_KEPT_US || !in_block(s, m, call)) {
		roll_window(s, now_us);
		if (!borrow(p, s, m, call, waiting, now_us))
			return s->away && take_away(s, m, call, now_us);
	}
	add(&s->block, call, -1);
	return true;
}

bool pace_take(struct pace *p, const struct model *m, int64_t input_tokens, size_t waiting,
	       int64_t now_us)
{
	struct paced *s = find_or_make(p, m);
	struct amounts call;
	bool may;

	if (!s)
		return true;
	if (now_us < s->next_us || now_us < s->hold_us)
		return false;
	call = call_amounts(s, m, input_tokens);
	may = is_limited(m) ? take_limited(p, s, m, &call, waiting, now_us)
			    : take_unlimited(p, s, m, &call, now_us);
	if (may)
		begin(s, &call, now_us);
	return may;
}

/* ---- settling ---- */

/* The part of a call that has ended. */
static double output_taken(struct paced *s)
{
	double mean;

	if (s->out == 0)
		return 0;
	mean = s->out_output / (double)s->out;
	s->out--;
	s->out_output -= mean;
	return mean;
}

/* A debt that no borrowing has taken along is told by itself, so that others do not begin too much.
 */
static void tell_debt(struct pace *p, struct paced *s, const struct model *m)
{
	static const struct amounts nothing;
	int64_t now_us = clock_us();
	struct bucket_grant granted;

	if (s->away || !is_limited(m) || now_us - s->borrowed_us < BLOCK_KEPT_US ||
	    (s->back.of[INPUT] >= 0 && s->back.of[OUTPUT] >= 0))
		return;
	put_back(s);
	s->borrowed_us = now_us;
	if (exchange(p, s, m, 0, &nothing, &granted) < 0)
		s->back = (struct amounts){{0}};
}

void pace_settle(struct pace *p, const struct model *m, int64_t input_tokens_taken,
		 int64_t input_tokens, int64_t output_tokens)
{
	struct paced *s = find(p, m);

	if (!s)
		return;
	s->back.of[INPUT] += (double)(input_tokens_taken - input_tokens);
	s->back.of[OUTPUT] += output_taken(s) - (double)output_tokens;
	if (output_tokens > 0)
		s->average_output = average(s->average_output, (double)output_tokens);
	tell_debt(p, s, m);
}

void pace_give_back(struct pace *p, const struct model *m, int64_t input_tokens)
{
	struct paced *s = find(p, m);

	if (!s)
		return;
	s->back.of[REQUESTS] += 1;
	s->back.of[INPUT] += (double)input_tokens;
	s->back.of[OUTPUT] += output_taken(s);
}

/* ---- waiting ---- */

int64_t pace_next_us(const struct pace *p, const struct model *m, int64_t now_us)
{
	const struct paced *s = find(p, m);
	int64_t next_us = now_us;

	if (s && s->next_us > next_us)
		next_us = s->next_us;
	if (s && s->hold_us > next_us)
		next_us = s->hold_us;
	return next_us;
}

/* Without Redis a process queues its own calls alone, at its own pace. */
static int64_t own_turns_us(struct paced *s, size_t n, int64_t apart)
{
	int64_t now_us = clock_us(), first_us = now_us;

	first_us = s->hold_us > first_us ? s->hold_us : first_us;
	first_us = s->away_tail_us > first_us ? s->away_tail_us : first_us;
	s->away_tail_us = first_us + (int64_t)n * apart;
	return first_us - now_us;
}

static int64_t turns_us(struct pace *p, struct paced *s, const struct model *m, size_t n,
			const struct amounts *call, int64_t *apart)
{
	int64_t first_us;

	*apart = (int64_t)apart_us(m, call);
	first_us = s->away ? -1 : bucket_turns(&p->buckets, &s->bucket, *apart, n);
	if (first_us >= 0)
		return first_us;
	*apart = (int64_t)(SECOND_US / away_rate(s, m, call));
	return own_turns_us(s, n, *apart);
}

int64_t pace_turns(struct pace *p, const struct model *m, size_t n, int64_t input_tokens_each,
		   int64_t *apart_us)
{
	struct paced *s = find_or_make(p, m);
	struct amounts call;
	int64_t first;

	*apart_us = 0;
	if (!s)
		return 0;
	call = call_amounts(s, m, input_tokens_each);
	first = (turns_us(p, s, m, n, &call, apart_us) + 999) / 1000;
	return first < WEIR_RETRY_AFTER_MAX ? first : WEIR_RETRY_AFTER_MAX;
}

/* ---- what the provider says ---- */

void pace_hold(struct pace *p, const struct model *m, int64_t for_ms, int64_t now_us)
{
	struct paced *s = find_or_make(p, m);

	for_ms = for_ms < WEIR_RETRY_AFTER_MAX ? for_ms : WEIR_RETRY_AFTER_MAX;
	if (!s || for_ms <= 0 || s->hold_us >= now_us + for_ms * 1000)
		return;
	s->hold_us = now_us + for_ms * 1000;
	bucket_hold(&p->buckets, &s->bucket, for_ms);
}

int64_t pace_held_ms(struct pace *p, const struct model *m)
{
	const struct bucket bucket = bucket_of(m);
	const struct bucket_ask look = {.average_output = -1};
	struct bucket_grant grant = {0};

	return bucket_borrow(&p->buckets, &bucket, m, &look, &grant) < 0 ? 0 : grant.hold_ms;
}

/* Nothing left is a limit just before it is overstepped. `reset` is when all of it is there again;
 * a part of it is there long before. */
void pace_limits(struct pace *p, const struct model *m, const struct provider_limits *limits,
		 int64_t now_us)
{
	bool none =
		limits->requests == 0 || limits->input_tokens == 0 || limits->output_tokens == 0;

	if (!none || limits->reset_ms <= 0)
		return;
	pace_hold(p, m, limits->reset_ms < NEARLY_FILLED_MS ? limits->reset_ms : NEARLY_FILLED_MS,
		  now_us);
}
