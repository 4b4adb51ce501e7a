#include "weir/pace.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_script.h"
#include "weir/clock.h"

/* How little may be kept where: in any minute the fleet begins what the minute allows, what the
 * bucket could hold (BURST), and what processes hold for BLOCK_KEPT_US; the three together are what
 * the header promises. */
#define BURST "0.02" /* of a minute's limit is what a bucket holds: 1.2 s */
enum {
	SECOND_US = 1000000,
	BLOCK_US = 250000,	   /* a block is what this process begins in so long */
	BLOCK_KEPT_US = 1000000,   /* then what is left of it is given back */
	WAIT_LEAST_US = 20000,	   /* after a no */
	WAIT_MOST_US = 1000000,	   /* meanwhile others may have given back */
	LOOK_US = 250000,	   /* without limits: for a hold of the fleet's */
	AWAY_LOOK_US = 100000,	   /* whether Redis is back */
	RATE_WINDOW_US = 500000,   /* over which the own pace is measured */
	RATE_MEMORY_US = 2000000,  /* how far back the own pace goes */
	NEARLY_FILLED_MS = 1000,   /* the most one waits for a limit that is used up */
	FLOOR_SHARE = 50,	   /* one so-maniest of the limit goes on while Redis is away */
	FLOOR_APART_US = 10000000, /* and one call in so long */
	AVERAGE_SAMPLES = 16
};

enum { REQUESTS, INPUT, OUTPUT, DIMENSIONS };

struct amounts {
	double of[DIMENSIONS];
};

/* ---- the scripts: KEYS are the model's hash and its hold ---- */

/* ARGV[1]: the limits of a minute; how many calls are wanted; what the first of them takes, and
 * what each other one (of input and output); what is given back (less than 0: is owed); the average
 * output as the asker knows it, or -1. Answers with how many calls may begin, after how many
 * microseconds one may, for how many milliseconds all are held, and the average output as others
 * know it, or -1.
 *
 * What a bucket cannot hold at one time may go when it is full: the rest is a debt. No debt takes
 * longer than two minutes, whatever a provider says that a call has used. */
static const char borrow_text[] =
	"local a = {}\n"
	"for word in string.gmatch(ARGV[1], '%S+') do a[#a + 1] = tonumber(word) end\n"
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000000 + t[2]\n"
	"local was = redis.call('HMGET', KEYS[1], 't', 'r', 'i', 'o', 'average')\n"
	"local gone = was[1] and math.max(0, now - was[1]) or 0\n"
	"local hold = math.max(0, redis.call('PTTL', KEYS[2]))\n"
	"local n, wait = a[4], 0\n"
	"local first, each = {1, a[5], a[7]}, {1, a[6], a[7]}\n"
	"local level = {0, 0, 0}\n"
	"for d = 1, 3 do\n"
	"  local limit = a[d]\n"
	"  if limit > 0 then\n"
	"    local most = math.max(limit * " BURST ", 1)\n"
	"    local has = tonumber(was[d + 1]) or math.max(most / 2, 1)\n"
	"    has = math.min(most, has + gone * limit / 60000000 + a[7 + d])\n"
	"    has = math.max(has, -2 * limit)\n"
	"    local need = math.min(first[d], most)\n"
	"    if has + 0.000001 < need then\n"
	"      n = 0\n"
	"      wait = math.max(wait, (need - has) * 60000000 / limit)\n"
	"    elseif each[d] > 0 then\n"
	"      n = math.min(n, 1 + math.floor(math.max(0, has - first[d]) / each[d] + 0.000001))\n"
	"    end\n"
	"    level[d] = has\n"
	"  end\n"
	"end\n"
	"if hold > 0 then n = 0 end\n"
	"if n > 0 then\n"
	"  for d = 1, 3 do\n"
	"    if a[d] > 0 then level[d] = level[d] - first[d] - (n - 1) * each[d] end\n"
	"  end\n"
	"  redis.call('HSET', KEYS[1], 'granted', now)\n"
	"end\n"
	"if a[11] >= 0 then\n"
	"  redis.call('HSET', KEYS[1], 'average', string.format('%.1f', a[11]))\n"
	"end\n"
	"redis.call('HSET', KEYS[1], 't', string.format('%.0f', now),\n"
	"  'r', string.format('%.6f', level[1]), 'i', string.format('%.3f', level[2]),\n"
	"  'o', string.format('%.3f', level[3]))\n"
	"if redis.call('PTTL', KEYS[1]) < 600000 then redis.call('PEXPIRE', KEYS[1], 1200000) end\n"
	"return {n, math.ceil(wait), hold, math.ceil(tonumber(was[5]) or -1)}\n";

/* ARGV[1]: microseconds between two turns, and how many turns. Answers with the microseconds until
 * the first. Turns that were taken by calls which never came are forgotten when nothing has begun
 * for a while: else those that come now would wait for them. */
static const char turns_text[] =
	"local apart, n = string.match(ARGV[1], '(%d+) (%d+)')\n"
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000000 + t[2]\n"
	"local was = redis.call('HMGET', KEYS[1], 'tail', 'granted')\n"
	"local hold = math.max(0, redis.call('PTTL', KEYS[2])) * 1000\n"
	"local tail = tonumber(was[1]) or 0\n"
	"local idle = now - (tonumber(was[2]) or 0)\n"
	"if hold == 0 and idle > 10000000 + 3 * apart then tail = 0 end\n"
	"local first = math.max(now + hold, tail)\n"
	"tail = first + n * apart\n"
	"redis.call('HSET', KEYS[1], 'tail', string.format('%.0f', tail))\n"
	"if idle > 10000000 + 3 * apart then\n"
	"  redis.call('HSET', KEYS[1], 'granted', string.format('%.0f', first))\n"
	"end\n"
	"local left = math.ceil((tail - now) / 1000) + 600000\n"
	"if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left + 600000) "
	"end\n"
	"return first - now\n";

/* ARGV[1]: milliseconds. The longest hold counts. */
static const char hold_text[] = "if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[1]) then\n"
				"  redis.call('SET', KEYS[2], 1, 'PX', ARGV[1])\n"
				"end\n"
				"return 1\n";

enum script { SCRIPT_BORROW, SCRIPT_TURNS, SCRIPT_HOLD, SCRIPTS };

static const char *const script_texts[SCRIPTS] = {borrow_text, turns_text, hold_text};

/* ---- what there is ---- */

/* One model's pace in this process. */
struct paced {
	struct paced *next;
	char name[MODEL_NAME_MAX + 1];
	char bucket[MODEL_NAME_MAX + 32], hold[MODEL_NAME_MAX + 32]; /* keys */

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
	struct redis_address address;
	struct redis_link link;
	struct redis_script scripts[SCRIPTS];
	struct paced *models;
};

int pace_open(const char *redis_url, int timeout_ms, const char *holder, struct pace **out,
	      struct weir_error *err)
{
	struct pace *p = calloc(1, sizeof(*p));

	(void)holder; /* blocks are short-lived enough to belong to nobody */
	if (!p)
		return weir_fail_memory(err);
	p->address.port = 6379;
	if (redis_address_parse(&p->address, redis_url, err) < 0) {
		pace_close(p);
		return -1;
	}
	p->link.address = &p->address;
	p->link.timeout.tv_sec = timeout_ms / 1000;
	p->link.timeout.tv_usec = timeout_ms % 1000 * 1000;
	for (size_t i = 0; i < SCRIPTS; i++)
		p->scripts[i].text = script_texts[i];
	*out = p;
	return 0;
}

void pace_close(struct pace *p)
{
	struct paced *s;

	if (!p)
		return;
	while ((s = p->models)) {
		p->models = s->next;
		free(s);
	}
	redis_link_close(&p->link);
	redis_address_release(&p->address);
	free(p);
}

static struct paced *find(const struct pace *p, const struct model *m)
{
	struct paced *s = p->models;

	while (s && strcmp(s->name, m->name) != 0)
		s = s->next;
	return s;
}

static struct paced *find_or_make(struct pace *p, const struct model *m)
{
	struct paced *s = find(p, m);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	memcpy(s->name, m->name, sizeof(s->name));
	snprintf(s->bucket, sizeof(s->bucket), "weir:{model:%s}:pace", m->name);
	snprintf(s->hold, sizeof(s->hold), "weir:{model:%s}:hold", m->name);
	s->average_input = s->average_output = -1;
	s->next = p->models;
	p->models = s;
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

/* Before there is an answer, a quarter of what it may be at most. */
static double output_of_call(const struct paced *s, const struct model *m)
{
	return s->average_output >= 0 ? s->average_output : (double)m->max_tokens / 4;
}

static struct amounts call_amounts(const struct paced *s, const struct model *m, int64_t input)
{
	return (struct amounts){{1, (double)input, output_of_call(s, m)}};
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

static int run(struct pace *p, enum script script, const struct paced *s, const char *argument,
	       redisReply **out)
{
	const struct redis_script_call call = {.keys = {s->bucket, s->hold},
					       .arguments = {{argument, strlen(argument)}}};

	return redis_script_run(&p->link, &p->scripts[script], &call, out, NULL);
}

/* What is left of the block goes back; the caller asks for another one. */
static void put_back(struct paced *s)
{
	add(&s->back, &s->block, 1);
	s->block = (struct amounts){{0}};
}

struct granted {
	int64_t calls, wait_us, hold_ms, output;
};

static int read_grant(redisReply *reply, struct granted *out)
{
	int64_t *const to[] = {&out->calls, &out->wait_us, &out->hold_ms, &out->output};
	bool fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == 4;

	for (size_t i = 0; fits && i < 4; i++) {
		fits = reply->element[i]->type == REDIS_REPLY_INTEGER;
		*to[i] = reply->element[i]->integer;
	}
	freeReplyObject(reply);
	return fits ? 0 : -1;
}

/* Asks for n calls, the first of them being `first`. */
static int exchange(struct pace *p, struct paced *s, const struct model *m, int64_t n,
		    const struct amounts *first, struct granted *out)
{
	double each = s->average_input >= 0 ? s->average_input : first->of[INPUT];
	char text[320];
	redisReply *reply;

	snprintf(text, sizeof(text),
		 "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
		 " %.0f %.1f %.1f %.6f %.3f %.3f %.1f",
		 m->requests, m->input_tokens, m->output_tokens, n, first->of[INPUT], each,
		 first->of[OUTPUT], s->back.of[REQUESTS], s->back.of[INPUT], s->back.of[OUTPUT],
		 s->average_output);
	if (run(p, SCRIPT_BORROW, s, text, &reply) < 0 || read_grant(reply, out) < 0)
		return -1;
	s->back = (struct amounts){{0}};
	if (s->average_output < 0 && out->output >= 0)
		s->average_output = (double)out->output;
	if (out->calls > 0) {
		const struct amounts rest = {{1, each, first->of[OUTPUT]}};

		s->block = *first;
		add(&s->block, &rest, (double)(out->calls - 1));
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
	struct granted granted;

	put_back(s);
	if (exchange(p, s, m, block_size(s, waiting), call, &granted) < 0) {
		s->back = (struct amounts){{0}}; /* by then the bucket is full anyway */
		s->away = true;
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
	struct granted granted;

	if (now_us - s->borrowed_us < AWAY_LOOK_US)
		return false;
	s->borrowed_us = now_us;
	if (exchange(p, s, m, 0, &nothing, &granted) < 0)
		return false;
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
	struct granted granted;

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
	int64_t first = -1;
	char text[64];
	redisReply *reply;

	*apart = (int64_t)apart_us(m, call);
	snprintf(text, sizeof(text), "%" PRId64 " %zu", *apart, n);
	if (run(p, SCRIPT_TURNS, s, text, &reply) == 0) {
		if (reply->type == REDIS_REPLY_INTEGER)
			first = reply->integer;
		freeReplyObject(reply);
	}
	if (first >= 0)
		return first;
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
	char text[32];
	redisReply *reply;

	for_ms = for_ms < WEIR_RETRY_AFTER_MAX ? for_ms : WEIR_RETRY_AFTER_MAX;
	if (!s || for_ms <= 0 || s->hold_us >= now_us + for_ms * 1000)
		return;
	s->hold_us = now_us + for_ms * 1000;
	snprintf(text, sizeof(text), "%" PRId64, for_ms);
	if (run(p, SCRIPT_HOLD, s, text, &reply) == 0)
		freeReplyObject(reply);
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
