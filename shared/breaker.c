#include "weir/breaker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model_list.h"
#include "redis_script.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/names.h"

enum {
	LOOK_US = 500000,     /* whether another process has opened it */
	TELL_US = 1000000,    /* what was served is told so often */
	LEASE_MORE_MS = 5000, /* than its call: a prober that has died is outlived by it */
	KEY_MAX = 400
};

/* ---- the scripts: KEYS are the model's hash and, for a failure, the item's key ----
 *
 * The hash: served and failed count calls, row the failures since the last answer; since is when
 * the row began, and reason its last failure; probe is when the next call may begin, pauses how
 * often that was put off; prober until when somebody is at it. Times are Redis's own, in
 * milliseconds. */

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define ROW TEXT(BREAKER_FAILURES)
#define LEAST TEXT(BREAKER_LEAST_MS)
#define MOST TEXT(BREAKER_MOST_MS)
#define LATE TEXT(BREAKER_LATE_MS)

#define NOW                                                                                        \
	"local t = redis.call('TIME')\n"                                                           \
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

/* What all of them answer: whether it is open, milliseconds to the next probe, since when
 * (seconds), and why. */
#define ANSWER(charged)                                                                            \
	"redis.call('EXPIRE', KEYS[1], 86400)\n"                                                   \
	"local s = redis.call('HMGET', KEYS[1], 'row', 'probe', 'since', 'reason', 'prober')\n"    \
	"local open = tonumber(s[1] or 0) >= " ROW " and 1 or 0\n"                                 \
	"local wait = math.max(0, tonumber(s[2] or 0) - now, math.min(5000, tonumber(s[5] or 0) "  \
	"- now))\n"                                                                                \
	"return {open, wait, math.floor(tonumber(s[3] or now) / 1000), s[4] or '', " charged "}\n"

/* ARGV[1]: how long a call may last. The last number: it may begin. */
static const char look_text[] =
	NOW "local granted = 0\n"
	    "local was = redis.call('HMGET', KEYS[1], 'row', 'probe', 'prober')\n"
	    "if tonumber(was[1] or 0) < " ROW " then granted = 1\n"
	    "elseif tonumber(was[2] or 0) <= now and tonumber(was[3] or 0) <= now then\n"
	    "  redis.call('HSET', KEYS[1], 'prober', now + ARGV[1])\n"
	    "  granted = 1\n"
	    "end\n" ANSWER("granted");

/* ARGV[1]: how many answers. */
static const char served_text[] = NOW
	"redis.call('HINCRBY', KEYS[1], 'served', ARGV[1])\n"
	"redis.call('HSET', KEYS[1], 'row', 0, 'pauses', 0, 'probe', 0, 'prober', 0)\n" ANSWER("0");

/* The probe ended in neither. */
static const char back_text[] = NOW "redis.call('HSET', KEYS[1], 'prober', 0)\n" ANSWER("0");

/* ARGV[1]: a number at random below 1000, for how many milliseconds an outage charges nobody, how
 * many answers and how many other failures came before and were not told of, and the reason. The
 * pauses of processes differ by as much as a half.
 *
 * The item's key: how many calls had been served and had failed when it failed last, and whether it
 * was found to be at fault itself. What such an item does tells nothing about the provider, and so
 * does not open the breaker. The last number: the item is to be charged. */
static const char failed_text[] = NOW
	"local dice, patience, answers, failures, reason = "
	"string.match(ARGV[1], '(%d+) (%d+) (%d+) (%d+) (.*)')\n"
	"local served = redis.call('HINCRBY', KEYS[1], 'served', answers)\n"
	"local failed = redis.call('HINCRBY', KEYS[1], 'failed', failures + 1)\n"
	"local h = redis.call('HMGET', KEYS[1], 'row', 'since', 'probe')\n"
	"local row, since, probe = tonumber(h[1] or 0), tonumber(h[2] or now), tonumber(h[3] or "
	"0)\n"
	"local s, f, own = string.match(redis.call('GET', KEYS[2]) or '', '(%d+) (%d+) (%d)')\n"
	"own = tonumber(own or 0)\n"
	"if s and row < " ROW " then\n"
	"  local ds, df = served - s, failed - f - 1\n"
	"  if ds > 0 and df * 4 <= ds then own = 1 end\n"
	"end\n"
	"redis.call('SET', KEYS[2], string.format('%d %d %d', served, failed, own), 'EX', 86400)\n"
	"local charged = own\n"
	"if own == 0 or row >= " ROW " then\n"
	"  row = row + 1\n"
	"  if row <= " ROW " then since = now end\n"
	"  redis.call('HSET', KEYS[1], 'row', row, 'since', since, 'reason', reason, 'prober', 0)\n"
	"  charged = row > " ROW " and now - since >= tonumber(patience) and 1 or 0\n"
	"  if row >= " ROW " and probe <= now then\n"
	"    local n = redis.call('HINCRBY', KEYS[1], 'pauses', 1)\n"
	"    local pause = math.min(" LEAST " * 2 ^ math.min(n - 1, 10), " MOST ")\n"
	"    if charged == 1 then pause = " LATE " end\n"
	"    redis.call('HSET', KEYS[1], 'probe', math.floor(now + pause * (0.75 + dice / 2000)))\n"
	"  end\n"
	"end\n" ANSWER("charged");

enum script { SCRIPT_LOOK, SCRIPT_SERVED, SCRIPT_FAILED, SCRIPT_BACK, SCRIPTS };
static const char *const texts[SCRIPTS] = {look_text, served_text, failed_text, back_text};

/* ---- what there is ---- */

struct breaker {
	struct model_entry entry;
	char key[MODEL_NAME_MAX + NAMES_MAX];
	bool open;
	bool probing;	   /* a call that was let through while it was open has not ended */
	int64_t next_us;   /* while open: no look before */
	int64_t probe_us;  /* while open: no call before, by anybody */
	int64_t looked_us; /* 0: never */
	int64_t since;	   /* seconds */
	char why[BREAKER_REASON_MAX + 1], text[BREAKER_REASON_MAX + 64];
	int64_t served, failed; /* calls that Redis was not told of yet */
	int64_t told_us;
	unsigned row, pauses; /* while Redis is away */
};

struct breakers {
	struct redis_address address;
	struct redis_link link;
	struct redis_script scripts[SCRIPTS];
	struct model_entry *models;
};

int breakers_open(const char *redis_url, int timeout_ms, struct breakers **out,
		  struct weir_error *err)
{
	struct breakers *b = calloc(1, sizeof(*b));

	if (!b)
		return weir_fail_memory(err);
	b->address.port = 6379;
	if (redis_address_parse(&b->address, redis_url, err) < 0) {
		free(b);
		return -1;
	}
	redis_link_init(&b->link, &b->address, timeout_ms);
	for (size_t i = 0; i < SCRIPTS; i++)
		b->scripts[i].text = texts[i];
	*out = b;
	return 0;
}

void breakers_close(struct breakers *b)
{
	if (!b)
		return;
	model_entries_free(b->models);
	redis_link_close(&b->link);
	redis_address_release(&b->address);
	free(b);
}

static struct breaker *find(const struct breakers *b, const struct model *m)
{
	return (struct breaker *)model_entry_find(b->models, m);
}

/* NULL: memory is short, and then nothing is held back. */
static struct breaker *find_or_make(struct breakers *b, const struct model *m)
{
	struct breaker *s = find(b, m);

	if (s)
		return s;
	s = (struct breaker *)model_entry_make(&b->models, m, sizeof(*s));
	if (s)
		snprintf(s->key, sizeof(s->key), "%s:{model:%s}:breaker", names_of_ledger(),
			 m->name);
	return s;
}

/* ---- changing ---- */

/* The one change of state. */
static void set_open(struct breaker *s, bool open)
{
	if (s->open == open)
		return;
	s->open = open;
	if (open)
		log_event(LOG_WARN, "model_away", "model=%s error=\"%s\"", s->entry.name, s->why);
	else
		log_event(LOG_INFO, "model_back", "model=%s", s->entry.name);
}

static bool read_answer(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements == 5 &&
	       r->element[0]->type == REDIS_REPLY_INTEGER &&
	       r->element[1]->type == REDIS_REPLY_INTEGER &&
	       r->element[2]->type == REDIS_REPLY_INTEGER &&
	       r->element[3]->type == REDIS_REPLY_STRING &&
	       r->element[4]->type == REDIS_REPLY_INTEGER;
}

/* 0 or 1, as the script's last number says; -1: Redis is away. */
static int run(struct breakers *b, struct breaker *s, enum script script, const char *item,
	       const char *argument, int64_t now_us)
{
	const struct redis_script_call call = {.keys = {s->key, item ? item : s->key},
					       .arguments = {{argument, strlen(argument)}}};
	redisReply *reply = NULL;
	int rc = -1;

	if (redis_script_run(&b->link, &b->scripts[script], &call, &reply, NULL) < 0)
		return -1;
	if (read_answer(reply)) {
		s->looked_us = now_us;
		s->probe_us = now_us + reply->element[1]->integer * 1000;
		s->next_us = s->probe_us < now_us + LOOK_US ? s->probe_us : now_us + LOOK_US;
		s->since = reply->element[2]->integer;
		snprintf(s->why, sizeof(s->why), "%s", reply->element[3]->str);
		set_open(s, reply->element[0]->integer != 0);
		s->row = s->pauses = 0;
		rc = reply->element[4]->integer != 0;
	}
	freeReplyObject(reply);
	return rc;
}

/* ---- while Redis is away ---- */

static bool failed_alone(struct breaker *s, const struct model *m, int64_t now_us)
{
	int64_t now = clock_wall_us() / 1000000;
	bool charged = s->row >= BREAKER_FAILURES && (now - s->since) * 1000 >= m->outage_ms;

	if (s->row++ < BREAKER_FAILURES)
		s->since = now;
	if (s->row < BREAKER_FAILURES || now_us < s->next_us)
		return charged;
	s->next_us = s->probe_us =
		now_us + (charged ? BREAKER_LATE_MS * 1000
				  : clock_backoff_us(BREAKER_LEAST_MS * 1000,
						     BREAKER_MOST_MS * 1000, s->pauses++));
	set_open(s, true);
	return charged;
}

static void served_alone(struct breaker *s)
{
	s->row = s->pauses = 0;
	s->next_us = 0;
	set_open(s, false);
}

/* ---- the calls ---- */

/* Without Redis the process has a probe of its own. */
static bool look(struct breakers *b, struct breaker *s, const struct model *m, int64_t now_us)
{
	char text[32];
	int granted;

	snprintf(text, sizeof(text), "%" PRId64, m->timeout_ms + LEASE_MORE_MS);
	s->looked_us = now_us;
	granted = run(b, s, SCRIPT_LOOK, NULL, text, now_us);
	s->probing |= s->open && granted != 0;
	if (granted < 0 && s->open)
		s->next_us = s->probe_us = now_us + BREAKER_LEAST_MS * 1000;
	return granted != 0;
}

bool breaker_may_call(struct breakers *b, const struct model *m, int64_t now_us)
{
	struct breaker *s = find_or_make(b, m);

	if (!s)
		return true;
	if (s->open)
		return now_us >= s->next_us && look(b, s, m, now_us);
	return now_us - s->looked_us < LOOK_US || look(b, s, m, now_us);
}

int64_t breaker_next_us(const struct breakers *b, const struct model *m)
{
	const struct breaker *s = find(b, m);

	return s ? s->next_us : 0;
}

int64_t breaker_probe_us(const struct breakers *b, const struct model *m)
{
	const struct breaker *s = find(b, m);

	return s && s->open ? s->probe_us : 0;
}

const char *breaker_reason(struct breakers *b, const struct model *m)
{
	struct breaker *s = find(b, m);
	time_t since = s ? (time_t)s->since : 0;
	struct tm t;
	char clock[16] = "";

	if (!s || !s->open)
		return "";
	if (gmtime_r(&since, &t))
		strftime(clock, sizeof(clock), "%H:%M:%S", &t);
	snprintf(s->text, sizeof(s->text), "since %s UTC: %s", clock, s->why);
	return s->text;
}

void breaker_served(struct breakers *b, const struct model *m, int64_t now_us)
{
	struct breaker *s = find_or_make(b, m);
	char text[24];

	if (!s)
		return;
	s->served++;
	if (!s->open && now_us - s->told_us < TELL_US)
		return;
	s->told_us = now_us;
	s->probing = false;
	snprintf(text, sizeof(text), "%" PRId64, s->served);
	if (run(b, s, SCRIPT_SERVED, NULL, text, now_us) < 0)
		served_alone(s);
	else
		s->served = 0;
}

bool breaker_failed(struct breakers *b, const struct model *m, const char *item, const char *reason,
		    int64_t now_us)
{
	struct breaker *s = find_or_make(b, m);
	char key[KEY_MAX], text[BREAKER_REASON_MAX + 96];
	int charged;

	if (!s)
		return false;
	snprintf(s->why, sizeof(s->why), "%s", reason);
	snprintf(key, sizeof(key), "%s:{model:%s}:failed:%s", names_of_ledger(), m->name, item);
	snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s",
		 clock_backoff_us(999, 999, 0), m->outage_ms, s->served, s->failed, s->why);
	s->probing = false;
	charged = run(b, s, SCRIPT_FAILED, key, text, now_us);
	if (charged < 0) {
		s->failed++;
		return failed_alone(s, m, now_us);
	}
	s->served = s->failed = 0;
	return charged > 0;
}

void breaker_given_back(struct breakers *b, const struct model *m, int64_t now_us)
{
	struct breaker *s = find(b, m);

	if (!s || !s->probing)
		return;
	s->probing = false;
	if (run(b, s, SCRIPT_BACK, NULL, "", now_us) < 0)
		s->next_us = now_us + BREAKER_LEAST_MS * 1000;
}
