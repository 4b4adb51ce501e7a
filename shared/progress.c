#include "weir/progress.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "redis_script.h"
#include "weir/buffer.h"
#include "weir/clock.h"
#include "weir/names.h"

enum { KEY_MAX = 192, CHECK_S = 60, REBUILD_MS = 10000 };

/* ---- the scripts: KEYS are states and counts, ARGV[1] the channel (but of the last) ---- */

/* ARGV[2]: the total, or empty to leave it. */
static const char begin_text[] =
	"if redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then\n"
	"  redis.call('SET', KEYS[1], '')\n"
	"  redis.call('HSET', KEYS[2], 'total', 0, 'success', 0, 'failed', 0, 'cancelled', 0)\n"
	"else\n"
	"  redis.call('PERSIST', KEYS[1])\n"
	"  redis.call('PERSIST', KEYS[2])\n"
	"end\n"
	"if ARGV[2] ~= '' and redis.call('EXISTS', KEYS[2]) == 1\n"
	"  and redis.call('HEXISTS', KEYS[2], 'rebuild') == 0 then\n"
	"  redis.call('HSET', KEYS[2], 'total', ARGV[2])\n"
	"  local now = redis.call('HMGET', KEYS[2], 'success', 'failed', 'cancelled', 'total')\n"
	"  redis.call('PUBLISH', ARGV[1], table.concat(now, ' '))\n"
	"end\n"
	"return 1\n";

/* ARGV[2]: the arguments of BITFIELD as one MessagePack array of strings: SET u2 #ordinal state,
 * for each item. That is what Redis decodes fastest: 500 items take 0.4 ms, as a thousand
 * arguments or as packed integers that Lua takes apart they take 0.6 ms. SET answers with the old
 * state, and works in order, so an ordinal that stands twice is counted right. */
static const char count_text[] =
	"if redis.call('EXISTS', KEYS[1], KEYS[2]) < 2 then return false end\n"
	"local args = cmsgpack.unpack(ARGV[2])\n"
	"local old = redis.call('BITFIELD', KEYS[1], unpack(args))\n"
	"local number = {['0'] = 0, ['1'] = 1, ['2'] = 2, ['3'] = 3}\n"
	"local change = {[0] = 0, 0, 0, 0}\n"
	"local changed = false\n"
	"for i = 1, #old do\n"
	"  local was, is = old[i], number[args[4 * i]]\n"
	"  if was ~= is then\n"
	"    change[was] = change[was] - 1\n"
	"    change[is] = change[is] + 1\n"
	"    changed = true\n"
	"  end\n"
	"end\n"
	"for state, field in ipairs({'success', 'failed', 'cancelled'}) do\n"
	"  if change[state] ~= 0 then\n"
	"    redis.call('HINCRBY', KEYS[2], field, change[state])\n"
	"  end\n"
	"end\n"
	"local now = redis.call('HMGET', KEYS[2], 'success', 'failed', 'cancelled', 'total', "
	"'rebuild')\n"
	"if now[5] then return false end\n"
	"now[5] = nil\n"
	"if changed then redis.call('PUBLISH', ARGV[1], table.concat(now, ' ')) end\n"
	"return now\n";

/* ARGV[2]: "STEP WHO TTL TOTAL". The field `rebuild` tells who is at it and until when nobody else
 * begins; with it the total is 0, so that no program takes what is counted so far for all. */
static const char rebuild_text[] =
	"local step, who, ttl, total = string.match(ARGV[2], '(%d) (%S+) (%d+) (%d+)')\n"
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local held = redis.call('HGET', KEYS[2], 'rebuild')\n"
	"local by, till\n"
	"if held then by, till = string.match(held, '^(%S+) (%d+)$') end\n"
	"local mark = string.format('%s %.0f', who, now + ttl)\n"
	"if step == '0' and by and by ~= who and tonumber(till) > now then return 0 end\n"
	"if step == '0' or step == '1' then\n"
	"  redis.call('UNLINK', KEYS[1], KEYS[2])\n"
	"  redis.call('SET', KEYS[1], '')\n"
	"  redis.call('HSET', KEYS[2], 'total', 0, 'success', 0, 'failed', 0, 'cancelled', 0,\n"
	"    'rebuild', mark)\n"
	"  return 1\n"
	"end\n"
	"if by ~= who or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
	"if step == '2' then redis.call('HSET', KEYS[2], 'rebuild', mark) return 1 end\n"
	"redis.call('HDEL', KEYS[2], 'rebuild')\n"
	"redis.call('HSET', KEYS[2], 'total', total)\n"
	"local all = redis.call('HMGET', KEYS[2], 'success', 'failed', 'cancelled', 'total')\n"
	"redis.call('PUBLISH', ARGV[1], table.concat(all, ' '))\n"
	"return 1\n";

/* KEYS[1] (and [2], the same): a hash of holder -> "share want expiry". ARGV[1]: who asks, ARGV[2]:
 * what for. What is in use cannot be taken away: it stays the holder's until it is told otherwise,
 * though the holder may begin nothing more. The field '' tells since when Redis has lost no share:
 * at first nobody gets more than it has, so that after a loss of keys all holders are heard before.
 * That is known by a mark for all jobs, of the server's run, how many keys it has evicted, and the
 * time; the mark is of no job's hash tag, and where it cannot be had it begins with the hash. */
static const char lease_text[] =
	"local want, using, has, limit, ttl, mark =\n"
	"  string.match(ARGV[2], '(%d+) (%d+) (%d+) (%d+) (%d+) (%S+)')\n"
	"want, using, has, limit = tonumber(want), tonumber(using), tonumber(has), "
	"tonumber(limit)\n"
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local all = redis.call('HGETALL', KEYS[1])\n"
	"local taken, hungry, holders = 0, 0, 1\n"
	"local since = redis.call('HGET', KEYS[1], '')\n"
	"local function info(section, field)\n"
	"  local text = redis.pcall('INFO', section)\n"
	"  return type(text) == 'string' and string.match(text, field .. ':(%w+)') or 'none'\n"
	"end\n"
	"local id = info('server', 'run_id') .. 'x' .. info('stats', 'evicted_keys')\n"
	"local run, from = id, now\n"
	"local marked = redis.pcall('GET', mark)\n"
	"if type(marked) == 'string' then run, from = string.match(marked, '^(%w+) (%d+)$') end\n"
	"if type(marked) ~= 'string' or run ~= id then\n"
	"  from = now\n"
	"  redis.pcall('SET', mark, string.format('%s %.0f', id, now))\n"
	"end\n"
	"if not since then since = from; redis.call('HSET', KEYS[1], '', from) end\n"
	"for i = 1, #all, 2 do if all[i] ~= '' then\n"
	"  local s, w, e = string.match(all[i + 1], '(%d+) (%d+) (%d+)')\n"
	"  s, w = tonumber(s), tonumber(w)\n"
	"  if tonumber(e) <= now then\n"
	"    redis.call('HDEL', KEYS[1], all[i])\n"
	"  elseif all[i] ~= ARGV[1] then\n"
	"    taken, holders = taken + s, holders + 1\n"
	"    if s < w then hungry = hungry + 1 end\n"
	"  end\n"
	"end end\n"
	"local share = math.min(want, math.max(0, limit - taken))\n"
	"if now - since < ttl / 5 then share = math.min(share, has) end\n"
	"if hungry > 0 then share = math.min(share, math.ceil(limit / holders)) end\n"
	"local held = math.max(share, using)\n"
	"if held == 0 and want == 0 then\n"
	"  redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"else\n"
	"  redis.call('HSET', KEYS[1], ARGV[1],\n"
	"    string.format('%d %d %.0f', held, want, now + ttl))\n"
	"end\n"
	"redis.call('PEXPIRE', KEYS[1], ttl)\n"
	"return share\n";

enum script { SCRIPT_BEGIN, SCRIPT_COUNT, SCRIPT_REBUILD, SCRIPT_LEASE, SCRIPTS };

static const char *const script_texts[SCRIPTS] = {begin_text, count_text, rebuild_text, lease_text};

/* ---- what there is ---- */

struct progress {
	struct redis_address address;
	struct redis_link commands, live;
	struct redis_script scripts[SCRIPTS];
	char watched[KEY_MAX]; /* the channel that live has subscribed to */
	struct buffer packed;
};

struct stage_keys {
	char states[KEY_MAX], counts[KEY_MAX], channel[KEY_MAX];
};

/* ---- the handle ---- */

int progress_open(const char *url, int timeout_ms, struct progress **out, struct weir_error *err)
{
	struct progress *p;

	if (timeout_ms <= 0)
		return weir_fail(err, "bad_value", "the timeout for Redis is not positive");
	p = calloc(1, sizeof(*p));
	if (!p)
		return weir_fail_memory(err);
	p->address.port = 6379;
	if (redis_address_parse(&p->address, url, err) < 0) {
		progress_close(p);
		return -1;
	}
	redis_link_init(&p->commands, &p->address, timeout_ms);
	p->live = p->commands;
	for (size_t i = 0; i < SCRIPTS; i++)
		p->scripts[i].text = script_texts[i];
	*out = p;
	return 0;
}

void progress_close(struct progress *p)
{
	if (!p)
		return;
	redis_link_close(&p->commands);
	redis_link_close(&p->live);
	buffer_release(&p->packed);
	redis_address_release(&p->address);
	free(p);
}

/* The braces are the hash tag of a cluster, so a job must bring none along. */
static int name_keys(const char *job, uint32_t stage, struct stage_keys *keys,
		     struct weir_error *err)
{
	size_t size = strlen(job);

	if (size == 0 || size > PROGRESS_JOB_MAX - 1 || strpbrk(job, "{}"))
		return weir_fail(err, "bad_value", "\"%.100s\" is no job", job);
	snprintf(keys->states, KEY_MAX, "%s:{%s}:s%" PRIu32 ":states", names_in_redis(), job,
		 stage);
	snprintf(keys->counts, KEY_MAX, "%s:{%s}:s%" PRIu32 ":counts", names_in_redis(), job,
		 stage);
	snprintf(keys->channel, KEY_MAX, "%s:{%s}:s%" PRIu32 ":live", names_in_redis(), job, stage);
	return 0;
}

/* ---- running scripts ---- */

static int script_run(struct progress *p, enum script script, const struct stage_keys *keys,
		      const char *argument, size_t size, redisReply **out, struct weir_error *err)
{
	const struct redis_script_call call = {
		.keys = {keys->states, keys->counts},
		.arguments = {{keys->channel, strlen(keys->channel)}, {argument, size}},
	};

	return redis_script_run(&p->commands, &p->scripts[script], &call, out, err);
}

/* ---- the calls ---- */

static int begin(struct progress *p, const char *job, uint32_t stage, const char *total,
		 struct weir_error *err)
{
	struct stage_keys keys;
	redisReply *reply;

	if (name_keys(job, stage, &keys, err) < 0 ||
	    script_run(p, SCRIPT_BEGIN, &keys, total, strlen(total), &reply, err) < 0)
		return -1;
	freeReplyObject(reply);
	return 0;
}

int progress_begin(struct progress *p, const char *job, uint32_t stage, struct weir_error *err)
{
	return begin(p, job, stage, "", err);
}

int progress_set_total(struct progress *p, const char *job, uint32_t stage, int64_t total,
		       struct weir_error *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, total);
	return begin(p, job, stage, text, err);
}

/* success failed cancelled total, and who rebuilds them, or nothing when the keys are not there.
 * Frees the reply. */
static int take_counts(redisReply *reply, bool *known, struct progress_counts *counts,
		       struct weir_error *err)
{
	int64_t numbers[4] = {0};
	bool array =
		reply->type == REDIS_REPLY_ARRAY && (reply->elements == 4 || reply->elements == 5);
	bool nil = reply->type == REDIS_REPLY_NIL ||
		   (array && reply->elements == 5 && reply->element[4]->type != REDIS_REPLY_NIL);

	for (size_t i = 0; array && i < 4; i++) {
		if (reply->element[i]->type == REDIS_REPLY_STRING)
			numbers[i] = strtoll(reply->element[i]->str, NULL, 10);
		else
			nil = true;
	}
	freeReplyObject(reply);
	if (!array && !nil)
		return weir_fail(err, "redis_error", "Redis gave something else than counts");
	*known = !nil;
	if (!nil && counts)
		*counts = (struct progress_counts){.success = numbers[0],
						   .failed = numbers[1],
						   .cancelled = numbers[2],
						   .total = numbers[3]};
	return 0;
}

/* Appends one item's four strings, each with the length byte of a short MessagePack string. */
static void pack_item(struct buffer *out, uint32_t ordinal, uint8_t state)
{
	char number[16];
	int size = snprintf(number, sizeof(number), "#%" PRIu32, ordinal);

	buffer_add_text(out, "\xA3SET\xA2u2");
	buffer_add_char(out, (char)(0xA0 | size));
	buffer_add(out, number, (size_t)size);
	buffer_add_char(out, (char)0xA1);
	buffer_add_char(out, (char)('0' + state));
}

static int pack(struct buffer *out, const uint32_t *ordinals, const uint8_t *states, size_t n,
		struct weir_error *err)
{
	buffer_reset(out);
	buffer_add_char(out, (char)0xDC); /* an array with a 16-bit count */
	buffer_add_be16(out, (uint16_t)(4 * n));
	for (size_t i = 0; i < n; i++) {
		if (ordinals[i] > PROGRESS_ORDINAL_MAX || states[i] > ITEM_CANCELLED)
			return weir_fail(err, "bad_value", "ordinal %" PRIu32 ", state %d",
					 ordinals[i], states[i]);
		pack_item(out, ordinals[i], states[i]);
	}
	return buffer_failed(out) ? weir_fail_memory(err) : 0;
}

static int count_chunk(struct progress *p, const struct stage_keys *keys, const uint32_t *ordinals,
		       const uint8_t *states, size_t n, bool *known, struct progress_counts *counts,
		       struct weir_error *err)
{
	redisReply *reply;

	if (pack(&p->packed, ordinals, states, n, err) < 0 ||
	    script_run(p, SCRIPT_COUNT, keys, p->packed.data, p->packed.size, &reply, err) < 0)
		return -1;
	return take_counts(reply, known, counts, err);
}

int progress_count(struct progress *p, const char *job, uint32_t stage, const uint32_t *ordinals,
		   const uint8_t *states, size_t n, bool *known, struct progress_counts *counts,
		   struct weir_error *err)
{
	struct progress_counts latest = {0};
	struct stage_keys keys;
	bool found = true;

	if (n == 0)
		return progress_read(p, job, stage, known, counts ? counts : &latest, err);
	if (name_keys(job, stage, &keys, err) < 0)
		return -1;
	for (size_t at = 0; at < n; at += PROGRESS_CHUNK) {
		size_t size = n - at < PROGRESS_CHUNK ? n - at : PROGRESS_CHUNK;
		bool here;

		if (count_chunk(p, &keys, ordinals + at, states + at, size, &here, &latest, err) <
		    0)
			return -1;
		found &= here; /* what is being rebuilt is counted all the same */
	}
	*known = found;
	if (found && counts)
		*counts = latest;
	return 0;
}

int progress_read(struct progress *p, const char *job, uint32_t stage, bool *known,
		  struct progress_counts *counts, struct weir_error *err)
{
	static const char *const fields[] = {"success", "failed", "cancelled", "total", "rebuild"};
	struct stage_keys keys;
	struct redis_command c = {0};
	redisReply *reply;

	if (name_keys(job, stage, &keys, err) < 0)
		return -1;
	redis_command_text(&c, "HMGET");
	redis_command_text(&c, keys.counts);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		redis_command_text(&c, fields[i]);
	if (redis_link_run(&p->commands, &c, &reply, err) < 0)
		return -1;
	return take_counts(reply, known, counts, err);
}

int progress_drop(struct progress *p, const char *job, uint32_t stage, struct weir_error *err)
{
	struct stage_keys keys;
	struct redis_command c = {0};

	if (name_keys(job, stage, &keys, err) < 0)
		return -1;
	redis_command_text(&c, "UNLINK");
	redis_command_text(&c, keys.states);
	redis_command_text(&c, keys.counts);
	return redis_link_do(&p->commands, &c, err);
}

static int take_number(redisReply *reply, int64_t most, int64_t *out, const char *what,
		       struct weir_error *err)
{
	bool fits =
		reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= most;

	if (fits)
		*out = reply->integer;
	freeReplyObject(reply);
	return fits ? 0 : weir_fail(err, "redis_error", "Redis gave something else than %s", what);
}

int progress_rebuild(struct progress *p, const char *job, uint32_t stage, enum progress_step step,
		     const char *who, int64_t total, bool *mine, struct weir_error *err)
{
	struct stage_keys keys;
	redisReply *reply;
	char text[KEY_MAX];
	int64_t answer = 0;

	if (name_keys(job, stage, &keys, err) < 0)
		return -1;
	int size = snprintf(text, sizeof(text), "%d %.128s %d %" PRId64, (int)step, who, REBUILD_MS,
			    total);
	if (script_run(p, SCRIPT_REBUILD, &keys, text, (size_t)size, &reply, err) < 0 ||
	    take_number(reply, 1, &answer, "whether it may be rebuilt", err) < 0)
		return -1;
	*mine = answer == 1;
	return 0;
}

/* ---- shares ---- */

int progress_lease(struct progress *p, const char *job, const struct progress_lease *lease,
		   uint32_t *share, struct weir_error *err)
{
	struct stage_keys keys;
	redisReply *reply;
	char text[64 + KEY_MAX];
	int64_t answer = 0;

	if (name_keys(job, 1, &keys, err) < 0)
		return -1;
	snprintf(keys.states, KEY_MAX, "%s:{%s}:shares", names_in_redis(), job);
	snprintf(keys.counts, KEY_MAX, "%s", keys.states);
	snprintf(keys.channel, KEY_MAX, "%s", lease->holder);
	int size = snprintf(
		text, sizeof(text), "%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %d %s:shares",
		lease->want, lease->in_use, *share, lease->limit, lease->ttl_ms, names_in_redis());
	if (script_run(p, SCRIPT_LEASE, &keys, text, (size_t)size, &reply, err) < 0 ||
	    take_number(reply, UINT32_MAX, &answer, "a share", err) < 0)
		return -1;
	*share = (uint32_t)answer;
	return 0;
}

static int expire_key(struct progress *p, const char *key, int seconds, struct weir_error *err)
{
	struct redis_command c = {0};
	char text[16];

	snprintf(text, sizeof(text), "%d", seconds);
	redis_command_text(&c, "EXPIRE");
	redis_command_text(&c, key);
	redis_command_text(&c, text);
	return redis_link_do(&p->commands, &c, err);
}

static int expire_keys(struct progress *p, const struct stage_keys *keys, int seconds,
		       struct weir_error *err)
{
	if (expire_key(p, keys->states, seconds, err) < 0)
		return -1;
	return expire_key(p, keys->counts, seconds, err);
}

/* As a weir before version 56 of the schema called them, without the ledger. Its consumers may have
 * counted there while they were replaced. It had no namespace: with one, keys of that name are
 * another ledger's. */
static int name_former_keys(const char *job, uint32_t stage, struct stage_keys *keys)
{
	const char *id = strchr(job, '/'), *end = strrchr(job, '.');

	if (!id || !end || end < id || strcmp(names_in_redis(), "weir") != 0)
		return -1;
	snprintf(keys->states, KEY_MAX, "weir:{%.*s}:s%" PRIu32 ":states", (int)(end - id - 1),
		 id + 1, stage);
	snprintf(keys->counts, KEY_MAX, "weir:{%.*s}:s%" PRIu32 ":counts", (int)(end - id - 1),
		 id + 1, stage);
	return 0;
}

/* Nobody needs them any more, so that who may not touch them is none the worse. */
static void expire_former_keys(struct progress *p, const char *job, uint32_t stage, int seconds)
{
	struct weir_error ignored;
	struct stage_keys keys;

	if (name_former_keys(job, stage, &keys) == 0)
		(void)!expire_keys(p, &keys, seconds, &ignored);
}

int progress_expire(struct progress *p, const char *job, uint32_t stage, int seconds,
		    struct weir_error *err)
{
	struct stage_keys keys;

	if (name_keys(job, stage, &keys, err) < 0 || expire_keys(p, &keys, seconds, err) < 0)
		return -1;
	expire_former_keys(p, job, stage, seconds);
	return 0;
}

/* ---- watching ---- */

static int subscribe(struct progress *p, const char *channel, struct weir_error *err)
{
	struct redis_command c = {0};

	redis_link_close(&p->live); /* from another channel: nothing of it may come through */
	redis_command_text(&c, "SUBSCRIBE");
	redis_command_text(&c, channel);
	if (redis_link_do(&p->live, &c, err) < 0)
		return -1;
	snprintf(p->watched, sizeof(p->watched), "%s", channel);
	return 0;
}

/* Takes what has been read off the socket. */
static int take_messages(redisContext *context, bool *any)
{
	void *message;

	for (;;) {
		if (redisReaderGetReply(context->reader, &message) != REDIS_OK)
			return -1;
		if (!message)
			return 0;
		freeReplyObject(message);
		*any = true;
	}
}

/* Waits for bytes and reads them. *over: time is up, or a signal came. */
static int read_more(redisContext *context, int64_t until_us, bool *over)
{
	struct pollfd fd = {.fd = context->fd, .events = POLLIN};
	int64_t left_us = until_us - clock_us();
	int ready = poll(&fd, 1, left_us > 0 ? (int)((left_us + 999) / 1000) : 0);

	if (ready > 0)
		return redisBufferRead(context) == REDIS_OK ? 0 : -1;
	*over = true;
	return ready == 0 || errno == EINTR ? 0 : -1;
}

static int wait_message(redisContext *context, int timeout_ms, bool *any)
{
	int64_t until_us = clock_us() + (int64_t)timeout_ms * 1000;
	bool over = false;

	for (;;) {
		if (take_messages(context, any) < 0)
			return -1;
		if (*any || over)
			return 0;
		if (read_more(context, until_us, &over) < 0)
			return -1;
	}
}

int progress_watch(struct progress *p, const char *job, uint32_t stage, int timeout_ms,
		   bool *changed, struct weir_error *err)
{
	struct weir_error fault;
	struct stage_keys keys;
	bool any = false;

	if (name_keys(job, stage, &keys, err) < 0)
		return -1;
	if (!p->live.context || strcmp(p->watched, keys.channel) != 0) {
		if (subscribe(p, keys.channel, err) < 0)
			return -1;
		*changed = true;
		return 0;
	}
	if (wait_message(p->live.context, timeout_ms, &any) < 0) {
		weir_fail(&fault, "redis_lost", "the subscription at Redis broke: %s",
			  p->live.context->errstr);
		redis_link_drop(&p->live, &fault);
		return weir_fail(err, fault.code, "%s", fault.text);
	}
	*changed = any;
	return 0;
}

/* ---- the server ---- */

/* Each script, with what it may do, as for a job; none has a name like this one. */
static int try_scripts(struct progress *p, const char *name, struct weir_error *err)
{
	const struct progress_lease lease = {.holder = name, .want = 1, .limit = 1, .ttl_ms = 1000};
	struct progress_counts counts = {0};
	uint32_t share = 0, first = 0;
	uint8_t state = ITEM_SUCCESS;
	bool known = false;

	if (progress_set_total(p, name, 1, 1, err) < 0 ||
	    progress_expire(p, name, 1, CHECK_S, err) < 0 ||
	    progress_count(p, name, 1, &first, &state, 1, &known, &counts, err) < 0 ||
	    progress_lease(p, name, &lease, &share, err) < 0)
		return -1;
	if (!known || counts.success != 1 || counts.total != 1)
		return weir_fail(
			err, "redis_error",
			"Redis at %.100s:%d does not keep what it is told: it may be short "
			"of memory (maxmemory), or be emptied by somebody",
			p->address.host, p->address.port);
	return 0;
}

int progress_check(struct progress *p, struct weir_error *err)
{
	char name[PROGRESS_JOB_MAX];
	struct weir_error ignored;
	int rc, dropped;

	snprintf(name, sizeof(name), ".check.%d.%" PRId64, (int)getpid(), clock_us());
	rc = try_scripts(p, name, err);
	dropped = progress_drop(p, name, 1, rc < 0 ? &ignored : err);
	return rc < 0 ? rc : dropped;
}

/* The value of one line of INFO, or "". */
static void info_field(const char *info, const char *name, char out[64])
{
	const char *at = strstr(info, name);

	*out = '\0';
	if (at) {
		at += strlen(name);
		snprintf(out, 64, "%.*s", (int)strcspn(at, "\r\n"), at);
	}
}

int progress_server(struct progress *p, char version[64], char policy[64], struct weir_error *err)
{
	struct redis_command c = {0};
	struct weir_error fault;
	redisReply *reply;

	redis_command_text(&c, "INFO");
	if (redis_link_run(&p->commands, &c, &reply, &fault) < 0) {
		if (strcmp(fault.code, "redis_noperm") != 0)
			return weir_fail(err, fault.code, "%s", fault.text);
		*version = *policy = '\0';
		return 0;
	}
	info_field(reply->str ? reply->str : "", "\nredis_version:", version);
	info_field(reply->str ? reply->str : "", "\nmaxmemory_policy:", policy);
	freeReplyObject(reply);
	return 0;
}
