#include "pace_bucket.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BURST "0.02" /* of a minute's limit is what a bucket holds: 1.2 s */

/* ---- the scripts: KEYS are the model's hash and its hold ---- */

/* ARGV[1]: the limits of a minute; how many calls are wanted; what the first of them takes, and
 * what each other one (of input and output); what is given back (less than 0: is owed); the average
 * output as the asker knows it, or -1. Answers with how many calls may begin, after how many
 * microseconds one may, for how many milliseconds all are held, and the average output as others
 * know it, or -1.
 *
 * A call may go when there is any token at all, and the rest is a debt: if it had to wait for as
 * many as it takes, those that take fewer would always be before it. No debt takes longer than two
 * minutes, whatever a provider says that a call has used. */
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
	"    local need = math.min(first[d], 1)\n"
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
	"if redis.call('PTTL', KEYS[1]) < left then\n"
	"  redis.call('PEXPIRE', KEYS[1], left + 600000)\n"
	"end\n"
	"return first - now\n";

/* ARGV[1]: milliseconds. The longest hold counts. */
static const char hold_text[] = "if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[1]) then\n"
				"  redis.call('SET', KEYS[2], 1, 'PX', ARGV[1])\n"
				"end\n"
				"return 1\n";

static const char *const script_texts[BUCKET_SCRIPTS] = {borrow_text, turns_text, hold_text};

/* ---- the handle ---- */

int buckets_open(struct buckets *b, const char *url, int timeout_ms, struct weir_error *err)
{
	b->address.port = 6379;
	if (redis_address_parse(&b->address, url, err) < 0)
		return -1;
	redis_link_init(&b->link, &b->address, timeout_ms);
	for (size_t i = 0; i < BUCKET_SCRIPTS; i++)
		b->scripts[i].text = script_texts[i];
	return 0;
}

void buckets_close(struct buckets *b)
{
	redis_link_close(&b->link);
	redis_address_release(&b->address);
}

/* The braces are the hash tag of a cluster. */
struct bucket bucket_of(const struct model *m)
{
	struct bucket bucket;

	snprintf(bucket.levels, sizeof(bucket.levels), "%s:{model:%s}:pace", names_of_ledger(),
		 m->name);
	snprintf(bucket.hold, sizeof(bucket.hold), "%s:{model:%s}:hold", names_of_ledger(), m->name);
	return bucket;
}

/* ---- the calls ---- */

static int run(struct buckets *b, enum bucket_script script, const struct bucket *bucket,
	       const char *argument, redisReply **out)
{
	const struct redis_script_call call = {.keys = {bucket->levels, bucket->hold},
					       .arguments = {{argument, strlen(argument)}}};

	return redis_script_run(&b->link, &b->scripts[script], &call, out, NULL);
}

/* Frees the reply. */
static int read_grant(redisReply *reply, struct bucket_grant *out)
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

int bucket_borrow(struct buckets *b, const struct bucket *bucket, const struct model *m,
		  const struct bucket_ask *ask, struct bucket_grant *out)
{
	char text[320];
	redisReply *reply;

	snprintf(text, sizeof(text),
		 "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
		 " %.0f %.1f %.1f %.6f %.3f %.3f %.1f",
		 m->requests, m->input_tokens, m->output_tokens, ask->calls, ask->first.of[INPUT],
		 ask->each.of[INPUT], ask->first.of[OUTPUT], ask->back.of[REQUESTS],
		 ask->back.of[INPUT], ask->back.of[OUTPUT], ask->average_output);
	if (run(b, SCRIPT_BORROW, bucket, text, &reply) < 0)
		return -1;
	return read_grant(reply, out);
}

int64_t bucket_turns(struct buckets *b, const struct bucket *bucket, int64_t apart_us, size_t n)
{
	int64_t first_us = -1;
	redisReply *reply;
	char text[64];

	snprintf(text, sizeof(text), "%" PRId64 " %zu", apart_us, n);
	if (run(b, SCRIPT_TURNS, bucket, text, &reply) < 0)
		return -1;
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0)
		first_us = reply->integer;
	freeReplyObject(reply);
	return first_us;
}

void bucket_hold(struct buckets *b, const struct bucket *bucket, int64_t for_ms)
{
	redisReply *reply;
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, for_ms);
	if (run(b, SCRIPT_HOLD, bucket, text, &reply) == 0)
		freeReplyObject(reply);
}
