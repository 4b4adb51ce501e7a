/* Work, with a consumer made by hand and plugins whose every step a test decides. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"
#include "weir/clock.h"
#include "weir/log.h"

#define CAPACITY 8
#define HOUR_MS 3600000

void add_work_suite(void);

static struct consumer c;
static struct job job;

/* ---- the plugin: what it is to do, and what it was asked ---- */

static struct {
	struct weir_error refusal;	    /* check() fails with it, if it has a text */
	const struct weir_verdict *verdict; /* process() ends the work with it; NULL: later */
	int verdicts;			    /* how often */
	void (*on_fire)(struct weir_work);
	int checked, processed, cancelled, fired;
	struct weir_work work[CAPACITY]; /* those that were begun */
	struct weir_work last_cancelled, last_fired;
} plugin;

static const struct weir_host *host(void) { return &c.lanes[0].host; }

static void complete(struct weir_work work, const struct weir_verdict *verdict)
{
	host()->complete(host(), work, verdict);
}

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	CU_ASSERT_PTR_EQUAL(state, &plugin);
	CU_ASSERT_EQUAL(item->stage, 1);
	plugin.checked++;
	if (!plugin.refusal.text[0])
		return 0;
	*err = plugin.refusal;
	return -1;
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	CU_ASSERT_PTR_EQUAL(state, &plugin);
	CU_ASSERT_EQUAL(item->custom_id.size, 4);
	plugin.work[plugin.processed++ % CAPACITY] = work;
	for (int i = 0; i < plugin.verdicts; i++)
		complete(work, plugin.verdict);
}

static const struct weir_verdict done = {.outcome = WEIR_DONE, .result = {"{\"a\":1}", 7}};

/* Too late: the host must ignore it. */
static void cancel(void *state, struct weir_work work)
{
	CU_ASSERT_PTR_EQUAL(state, &plugin);
	plugin.cancelled++;
	plugin.last_cancelled = work;
	complete(work, &done);
}

static void fire(void *state, struct weir_work work)
{
	CU_ASSERT_PTR_EQUAL(state, &plugin);
	plugin.fired++;
	plugin.last_fired = work;
	if (plugin.on_fire)
		plugin.on_fire(work);
}

/* ---- the consumer ---- */

static int quieten(void)
{
	log_set_level(LOG_ERROR); /* what is ignored is logged */
	return 0;
}

static int unquieten(void)
{
	log_set_level(LOG_INFO);
	return 0;
}

static void make_lane(struct lane *lane, const char *kind)
{
	lane->consumer = &c;
	lane->plugin.plugin = (struct weir_plugin){.abi_minor = WEIR_ABI_MINOR,
						   .kind = kind,
						   .check = check,
						   .process = process,
						   .cancel = cancel};
	lane->plugin.state = &plugin;
	work_lend(lane);
}

static void begin(void)
{
	memset(&c, 0, sizeof(c));
	memset(&plugin, 0, sizeof(plugin));
	c.options = (struct consumer_options){.work_timeout_ms = HOUR_MS};
	job = (struct job){.max_attempts = 3,
			   .backoff_us = 100000,
			   .backoff_factor = 2,
			   .backoff_cap_us = 1000000};
	make_lane(&c.lanes[0], "sum");
	make_lane(&c.lanes[1], "slow");
	c.lane_count = 2;
	if (deliveries_init(&c.deliveries, CAPACITY) < 0)
		abort();
}

static void end(void) { deliveries_release(&c.deliveries); }

/* A HELD delivery of an item that has failed so often. */
static struct delivery *hold(int attempt)
{
	char text[512];
	struct weir_error err;

	snprintf(text, sizeof(text),
		 "{\"v\":1,\"kind\":\"sum\",\"job_id\":\"job\",\"batch_id\":\"job-s1-b1\","
		 "\"stage\":1,"
		 "\"ordinal\":0,\"custom_id\":\"item\",\"epoch\":0,\"attempt\":%d,\"context\":{},"
		 "\"payload\":{\"n\":7}}",
		 attempt);
	struct broker_event event = {.tag = 1, .body = strdup(text), .body_size = strlen(text)};
	struct delivery *one = delivery_take(&c.deliveries, &event, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	CU_ASSERT_EQUAL_FATAL(message_decode(&one->message, one->body, one->body_size,
					     (struct weir_text){"application/json", 16}, &err),
			      0);
	one->lane = &c.lanes[0];
	one->job = &job;
	job.users++;
	return one;
}

static struct delivery *start(int attempt)
{
	struct delivery *one = hold(attempt);

	work_start(&c, one);
	return one;
}

static void ended_as(const struct delivery *one, enum fate fate, const char *code)
{
	CU_ASSERT_EQUAL(one->state, DELIVERY_ENDED);
	CU_ASSERT_EQUAL(one->fate, fate);
	CU_ASSERT_STRING_EQUAL(one->error->code, code);
	CU_ASSERT_EQUAL(one->timer_us, 0);
	CU_ASSERT(one->began_us > 0 && one->ended_us >= one->began_us);
}

static void is_working(const struct delivery *one)
{
	CU_ASSERT_EQUAL(one->state, DELIVERY_WORKING);
	CU_ASSERT_EQUAL(one->fate, FATE_NONE);
}

static struct weir_verdict failing(enum weir_outcome outcome, const char *code, const char *text)
{
	struct weir_verdict v = {.outcome = outcome};

	snprintf(v.error.code, sizeof(v.error.code), "%s", code);
	snprintf(v.error.text, sizeof(v.error.text), "%s", text);
	return v;
}

/* ---- check ---- */

static void refused_by_check(void)
{
	struct delivery *one;

	plugin.refusal = (struct weir_error){"bad_context", "model_key is missing"};
	one = start(0);
	ended_as(one, FATE_FAILED, "bad_context");
	CU_ASSERT_STRING_EQUAL(one->error->text, "model_key is missing");
	CU_ASSERT_EQUAL(one->attempts, 1);
	CU_ASSERT_EQUAL(plugin.checked, 1);
	CU_ASSERT_EQUAL(plugin.processed, 0);
}

/* A failure without its class has one all the same. */
static void without_a_class(void)
{
	plugin.refusal = (struct weir_error){"", "a reason"};
	ended_as(start(0), FATE_FAILED, "failed");
}

/* ---- verdicts ---- */

static void done_within_the_call(void)
{
	struct delivery *one;

	plugin.verdict = &done;
	plugin.verdicts = 1;
	one = start(1);
	ended_as(one, FATE_SUCCESS, "");
	CU_ASSERT_EQUAL(one->attempts, 2);
	CU_ASSERT_EQUAL_FATAL(one->result.size, 7);
	CU_ASSERT(memcmp(one->result.data, "{\"a\":1}", 7) == 0);
	CU_ASSERT_EQUAL(one->note_size, 0);
}

static void done_later(void)
{
	struct delivery *one = start(0);

	is_working(one);
	CU_ASSERT_EQUAL(plugin.processed, 1);
	complete(plugin.work[0], &done);
	ended_as(one, FATE_SUCCESS, "");
}

/* Result and note are copied: the plugin's memory may change at once. */
static void note_and_result_are_copied(void)
{
	char result[] = "[1,2]", note[WEIR_NOTE_MAX];
	struct weir_verdict v = {.outcome = WEIR_DONE,
				 .result = {result, 5},
				 .note = note,
				 .note_size = sizeof(note)};
	struct delivery *one = start(0);

	memset(note, 'n', sizeof(note));
	complete(plugin.work[0], &v);
	memset(note, 'x', sizeof(note));
	memset(result, 'x', sizeof(result));
	ended_as(one, FATE_SUCCESS, "");
	CU_ASSERT_EQUAL_FATAL(one->note_size, WEIR_NOTE_MAX);
	CU_ASSERT(one->note[0] == 'n' && one->note[WEIR_NOTE_MAX - 1] == 'n');
	CU_ASSERT(memcmp(one->result.data, "[1,2]", 5) == 0);
}

static void done_without_a_result(void)
{
	struct weir_verdict v = {.outcome = WEIR_DONE};
	struct delivery *one = start(0);

	complete(plugin.work[0], &v);
	ended_as(one, FATE_SUCCESS, "");
	CU_ASSERT_PTR_NULL(one->result.data);
}

static void a_note_that_is_too_large(void)
{
	char note[WEIR_NOTE_MAX + 1] = {0};
	struct weir_verdict v = {.outcome = WEIR_DONE, .note = note, .note_size = sizeof(note)};
	struct delivery *one = start(0);

	complete(plugin.work[0], &v);
	ended_as(one, FATE_FAILED, "bad_verdict");
	CU_ASSERT_PTR_NOT_NULL(strstr(one->error->text, "note"));
	CU_ASSERT_EQUAL(one->note_size, 0);
}

static void rejected(void)
{
	struct weir_verdict v = failing(WEIR_REJECT, "no_text", "the article is empty");
	struct delivery *one = start(0);

	v.result = done.result;
	complete(plugin.work[0], &v);
	ended_as(one, FATE_FAILED, "no_text");
	CU_ASSERT_STRING_EQUAL(one->error->text, "the article is empty");
	CU_ASSERT_EQUAL(one->attempts, 1);
	CU_ASSERT_EQUAL_FATAL(one->result.size, v.result.size);
	CU_ASSERT_EQUAL(memcmp(one->result.data, v.result.data, v.result.size), 0);
	CU_ASSERT_EQUAL(c.deliveries.made, v.result.size);
}

/* Before 1.3 it had no meaning there. */
static void rejected_by_an_older_plugin(void)
{
	struct weir_verdict v = failing(WEIR_REJECT, "no_text", "the article is empty");
	struct delivery *one;

	c.lanes[0].plugin.plugin.abi_minor = 2;
	one = start(0);
	v.result = (struct weir_text){"?", SIZE_MAX};
	complete(plugin.work[0], &v);
	ended_as(one, FATE_FAILED, "no_text");
	CU_ASSERT_PTR_NULL(one->result.data);
}

static void rejected_with_too_large_a_result(void)
{
	static char large[WEIR_RESULT_MAX + 1];
	struct weir_verdict v = failing(WEIR_REJECT, "no_text", "the article is empty");
	struct delivery *one = start(0);

	v.result = (struct weir_text){large, sizeof(large)};
	complete(plugin.work[0], &v);
	ended_as(one, FATE_FAILED, "bad_verdict");
	CU_ASSERT_PTR_NULL(one->result.data);
}

static void charged_for_a_retry(void)
{
	struct weir_verdict v = failing(WEIR_RETRY, "busy", "the model is busy");

	for (int attempt = 0; attempt < 2; attempt++) {
		struct delivery *one = start(attempt);

		complete(plugin.work[attempt], &v);
		ended_as(one, FATE_RETRY, "busy");
		CU_ASSERT_STRING_EQUAL(one->error->text, "the model is busy");
		CU_ASSERT_EQUAL(one->attempts, (uint32_t)attempt + 1);
	}
}

/* At least half the backoff, at most its doubling and the cap. */
static void the_pause_before_a_retry(void)
{
	static const int64_t most[] = {100000, 200000, 400000, 800000, 1000000, 1000000};
	struct weir_verdict v = failing(WEIR_RETRY, "busy", "");

	job.max_attempts = 100;
	plugin.verdict = &v;
	plugin.verdicts = 1;
	for (int i = 0; i < 600; i++) {
		struct delivery *one = start(i % 6);

		CU_ASSERT(one->retry_us >= 50000);
		CU_ASSERT(one->retry_us <= most[i % 6]);
		delivery_move(&c.deliveries, one, DELIVERY_FREE, true);
	}
}

static void a_factor_of_three(void)
{
	static const int64_t most[] = {100000, 300000, 900000, 1000000};
	struct weir_verdict v = failing(WEIR_RETRY, "busy", "");

	job.max_attempts = 100;
	job.backoff_factor = 3;
	plugin.verdict = &v;
	plugin.verdicts = 1;
	for (int i = 0; i < 400; i++) {
		struct delivery *one = start(i % 4);

		CU_ASSERT(one->retry_us >= 50000);
		CU_ASSERT(one->retry_us <= most[i % 4]);
		delivery_move(&c.deliveries, one, DELIVERY_FREE, true);
	}
}

static void a_pause_that_was_asked_for(void)
{
	struct weir_verdict v = failing(WEIR_RETRY, "busy", "come back later");

	v.retry_after_ms = 42000;
	struct delivery *one = start(0);
	complete(plugin.work[0], &v);
	ended_as(one, FATE_RETRY, "busy");
	CU_ASSERT_EQUAL(one->retry_us, 42000000);
	v.retry_after_ms = INT64_MAX;
	one = start(0);
	complete(plugin.work[1], &v);
	CU_ASSERT_EQUAL(one->retry_us, WEIR_RETRY_AFTER_MAX * 1000);
	c.lanes[0].plugin.plugin.abi_minor = 0; /* its verdict ends before that */
	one = start(0);
	complete(plugin.work[2], &v);
	CU_ASSERT(one->retry_us <= 100000);
}

/* However often: it is not the item's fault. */
static void deferred(void)
{
	struct weir_verdict v = failing(WEIR_DEFER, "rate_limit", "429");

	for (int attempt = 0; attempt < 5; attempt++) {
		struct delivery *one = start(attempt);

		v.retry_after_ms = 1000;
		complete(plugin.work[attempt], &v);
		ended_as(one, FATE_DEFER, "rate_limit");
		CU_ASSERT_EQUAL(one->retry_us, 1000000);
	}
}

static void the_last_attempt(void)
{
	struct weir_verdict v = failing(WEIR_RETRY, "busy", "the model is busy");

	for (int attempt = 2; attempt < 5; attempt++) {
		struct delivery *one =
			start(attempt); /* of three; the setting may have been more */

		complete(plugin.work[attempt - 2], &v);
		ended_as(one, FATE_FAILED, "busy");
		CU_ASSERT_EQUAL(one->attempts, (uint32_t)attempt + 1);
	}
}

static void no_valid_outcome(void)
{
	static const int outcomes[] = {0, WEIR_DEFER + 1, -1};

	for (int i = 0; i < 3; i++) {
		struct weir_verdict v = failing((enum weir_outcome)outcomes[i], "mine", "my text");
		struct delivery *one = start(0);

		complete(plugin.work[i], &v);
		ended_as(one, FATE_RETRY, "bad_verdict");
		CU_ASSERT_EQUAL(one->attempts, 1);
	}
}

/* The ledger takes nothing but UTF-8. */
static void texts_become_utf8(void)
{
	struct weir_verdict v = failing(WEIR_REJECT,
					"b\xE4"
					"d",
					"gr\xFC\xDF"
					"e \xC3\xA4");
	struct delivery *one;

	complete((start(0), plugin.work[0]), &v);
	one = c.deliveries.lists[DELIVERY_ENDED].last;
	ended_as(one, FATE_FAILED, "b?d");
	CU_ASSERT_STRING_EQUAL(one->error->text, "gr??e \xC3\xA4");
	v.outcome = WEIR_RETRY;
	complete((start(0), plugin.work[1]), &v);
	one = c.deliveries.lists[DELIVERY_ENDED].last;
	ended_as(one, FATE_RETRY, "b?d");
	CU_ASSERT_STRING_EQUAL(one->error->text, "gr??e \xC3\xA4");
	plugin.refusal = v.error;
	one = start(0);
	ended_as(one, FATE_FAILED, "b?d");
	CU_ASSERT_STRING_EQUAL(one->error->text, "gr??e \xC3\xA4");
}

/* ---- what no longer fits ---- */

static void ended_twice(void)
{
	struct weir_verdict v = failing(WEIR_REJECT, "too_late", "");
	struct delivery *one;

	plugin.verdict = &done;
	plugin.verdicts = 2;
	one = start(0);
	ended_as(one, FATE_SUCCESS, "");
	CU_ASSERT_EQUAL(one->result.size, 7);
	complete(plugin.work[0], &v);
	ended_as(one, FATE_SUCCESS, "");
	delivery_move(&c.deliveries, one, DELIVERY_STORING, false);
	complete(plugin.work[0], &v);
	CU_ASSERT_EQUAL(one->state, DELIVERY_STORING);
	CU_ASSERT_EQUAL(one->fate, FATE_SUCCESS);
}

/* The place has another delivery by now. */
static void a_handle_of_the_past(void)
{
	struct delivery *one = start(0), *next;

	complete(plugin.work[0], &done);
	delivery_move(&c.deliveries, one, DELIVERY_FREE, true);
	next = start(0);
	CU_ASSERT_PTR_EQUAL(next, one);
	complete(plugin.work[0], &done);
	is_working(next);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, fire), -1);
	complete(plugin.work[1], &done);
	ended_as(next, FATE_SUCCESS, "");
}

/* A plugin has no power over the work of another. */
static void from_a_foreign_lane(void)
{
	const struct weir_host *foreign = &c.lanes[1].host;
	struct delivery *one = start(0);

	foreign->complete(foreign, plugin.work[0], &done);
	is_working(one);
	CU_ASSERT_EQUAL(foreign->set_timer(foreign, plugin.work[0], 0, fire), -1);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 0);
}

/* ---- timers ---- */

static void a_timer_fires_once(void)
{
	struct delivery *one = start(0);
	int64_t before = clock_us();

	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], HOUR_MS / 2, fire), 0);
	CU_ASSERT(one->timer_us >= before + HOUR_MS * INT64_C(500));
	CU_ASSERT(one->timer_us <= clock_us() + HOUR_MS * INT64_C(500));
	CU_ASSERT_EQUAL(work_next_us(&c), one->timer_us);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 0);
	one->timer_us = 1; /* now it is due */
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 1);
	CU_ASSERT_EQUAL(plugin.last_fired.id, plugin.work[0].id);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 1);
	is_working(one);
}

static void a_timer_without_delay(void)
{
	start(0);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, fire), 0);
	CU_ASSERT_EQUAL(plugin.fired, 0);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 1);
}

static void a_timer_is_moved(void)
{
	start(0);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, fire), 0);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], HOUR_MS, fire), 0);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 0);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, fire), 0);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 1);
}

static void a_timer_dies_with_its_work(void)
{
	struct delivery *one = start(0);

	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, fire), 0);
	complete(plugin.work[0], &done);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, fire), -1);
	work_timers(&c);
	delivery_move(&c.deliveries, one, DELIVERY_FREE, true);
	CU_ASSERT_PTR_EQUAL(start(0), one);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 0);
}

static void timers_that_make_no_sense(void)
{
	struct delivery *one = start(0);

	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], -1, fire), -1);
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], 0, NULL), -1);
	CU_ASSERT_EQUAL(host()->set_timer(host(), (struct weir_work){0}, 0, fire), -1);
	CU_ASSERT_EQUAL(one->timer_us, 0);
	/* For ever: later than the deadline. */
	CU_ASSERT_EQUAL(host()->set_timer(host(), plugin.work[0], INT64_MAX, fire), 0);
	CU_ASSERT(one->timer_us > one->deadline_us);
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 0);
}

static void complete_it(struct weir_work work) { complete(work, &done); }

static void a_timer_ends_its_work(void)
{
	struct delivery *one = start(0);

	plugin.on_fire = complete_it;
	host()->set_timer(host(), plugin.work[0], 0, fire);
	work_timers(&c);
	ended_as(one, FATE_SUCCESS, "");
	CU_ASSERT_EQUAL(plugin.fired, 1);
}

static void complete_all(struct weir_work work)
{
	(void)work;
	for (int i = 0; i < plugin.processed; i++)
		complete(plugin.work[i], &done);
}

/* The list that is being walked through changes under way. */
static void a_timer_ends_other_works(void)
{
	struct delivery *some[5];

	plugin.on_fire = complete_all;
	for (int i = 0; i < 5; i++) {
		some[i] = start(0);
		host()->set_timer(host(), plugin.work[i], i == 3 ? HOUR_MS : 0, fire);
	}
	some[4]->deadline_us = 1;
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 1);
	CU_ASSERT_EQUAL(plugin.cancelled, 0);
	for (int i = 0; i < 5; i++)
		ended_as(some[i], FATE_SUCCESS, "");
	CU_ASSERT_EQUAL(work_next_us(&c), INT64_MAX);
}

static void start_two(struct weir_work work)
{
	complete(work, &done);
	plugin.on_fire = NULL;
	for (int i = 0; i < 2; i++) {
		start(0);
		host()->set_timer(host(), plugin.work[plugin.processed - 1], HOUR_MS, fire);
	}
}

static void a_timer_begins_other_works(void)
{
	start(0);
	host()->set_timer(host(), plugin.work[0], 0, fire);
	plugin.on_fire = start_two;
	work_timers(&c);
	CU_ASSERT_EQUAL(plugin.fired, 1);
	CU_ASSERT_EQUAL(c.deliveries.lists[DELIVERY_WORKING].size, 2);
}

/* ---- the deadline ---- */

static void the_time_is_over(void)
{
	struct delivery *one = start(0);
	int64_t began = one->began_us;

	CU_ASSERT_EQUAL(one->deadline_us, began + HOUR_MS * INT64_C(1000));
	CU_ASSERT_EQUAL(work_next_us(&c), one->deadline_us);
	host()->set_timer(host(), plugin.work[0], HOUR_MS * 2, fire);
	work_timers(&c);
	is_working(one);
	one->deadline_us = 1;
	CU_ASSERT_EQUAL(work_next_us(&c), 1);
	work_timers(&c);
	ended_as(one, FATE_RETRY, "timeout");
	CU_ASSERT_EQUAL(one->attempts, 1);
	CU_ASSERT(one->retry_us >= 50000);
	CU_ASSERT_EQUAL(plugin.cancelled, 1);
	CU_ASSERT_EQUAL(plugin.last_cancelled.id, plugin.work[0].id);
	complete(plugin.work[0], &done);
	work_timers(&c);
	ended_as(one, FATE_RETRY, "timeout");
	CU_ASSERT_EQUAL(plugin.cancelled, 1);
	CU_ASSERT_EQUAL(plugin.fired, 0);
}

static void the_time_is_over_for_good(void)
{
	struct delivery *one = start(2);

	c.lanes[0].plugin.plugin.cancel = NULL; /* optional */
	one->deadline_us = 1;
	work_timers(&c);
	ended_as(one, FATE_FAILED, "timeout");
	CU_ASSERT_EQUAL(one->attempts, 3);
}

/* A timer that is due as well comes first: it may still end the work. */
static void timer_before_deadline(void)
{
	struct delivery *one = start(0), *two = start(0);

	host()->set_timer(host(), plugin.work[0], 0, fire);
	host()->set_timer(host(), plugin.work[1], 0, fire);
	one->deadline_us = two->deadline_us = 1;
	plugin.on_fire = complete_it;
	work_timers(&c);
	ended_as(one, FATE_SUCCESS, "");
	ended_as(two, FATE_SUCCESS, "");
	CU_ASSERT_EQUAL(plugin.cancelled, 0);
}

static void spin_and_again(struct weir_work work)
{
	int64_t until = clock_us() + 60000; /* more than a turn of the loop has for timers */
	while (clock_us() < until)
		continue;
	host()->set_timer(host(), work, 0, fire);
}

/* Those that are due again at once, and take long, keep nobody from being served, and whoever is
 * served late has its time all the same. */
static void timers_have_turns(void)
{
	struct delivery *late;

	for (int i = 0; i < 3; i++) {
		late = start(0);
		host()->set_timer(host(), plugin.work[i], 0, fire);
	}
	int64_t deadline = late->deadline_us = late->timer_us + 1;
	plugin.on_fire = spin_and_again;
	for (int i = 0; i < 3; i++) {
		work_timers(&c);
		CU_ASSERT_EQUAL(plugin.last_fired.id, plugin.work[i].id);
	}
	CU_ASSERT(late->deadline_us > deadline + 60000);
	is_working(late);
}

/* ---- a job that is about to be paused ---- */

/* Its items do not begin, and stay away; one on trial waits here. */
static void a_pause_is_to_come(void)
{
	static const struct errand_sort sort = {"not_paused", "", NULL, NULL};
	struct delivery *one = hold(0), *suspect = hold(0);

	job.state = JOB_OPEN;
	job.asked_us = clock_us();
	job.pausing.sort = &sort;
	snprintf(job.pause_why.text, sizeof(job.pause_why.text), "no right to INSERT");
	one->proven = suspect->proven = suspect->suspect = true;
	suspect->looked_up = suspect->tried = true;
	held_offer(&c, one, clock_us());
	held_offer(&c, suspect, clock_us());
	ended_as(one, FATE_DEFER, "deferred");
	CU_ASSERT_STRING_EQUAL(one->error->text, "no right to INSERT");
	CU_ASSERT(one->lasting && one->retry_us >= 4000000);
	CU_ASSERT_EQUAL(suspect->state, DELIVERY_HELD);
	CU_ASSERT_EQUAL(plugin.checked, 0);
}

/* Large messages of one job leave memory to others; one alone may be as large as it likes. */
static void memory_is_left_to_others(void)
{
	struct places places;
	struct job other = job;
	struct delivery *one = hold(0), *two = hold(0);

	places_init(&places, 0, 10);
	c.options.memory_mb = 1;
	delivery_place(one, &places);
	delivery_place(two, &places);
	CU_ASSERT_FALSE(intake_crowded(&c));
	c.deliveries.bytes += 1000000 - one->body_size;
	one->body_size = 1000000;
	CU_ASSERT(intake_crowded(&c));
	CU_ASSERT(intake_lets(&c, one));
	delivery_move(&c.deliveries, one, DELIVERY_WORKING, false);
	CU_ASSERT_EQUAL(job.bytes, 1000000);
	CU_ASSERT_FALSE(intake_lets(&c, two));
	two->job = &other;
	CU_ASSERT(intake_lets(&c, two));
	two->job = &job;
	delivery_move(&c.deliveries, one, DELIVERY_FREE, false);
	CU_ASSERT_EQUAL(job.bytes, 0);
	CU_ASSERT(intake_lets(&c, two));
	CU_ASSERT_FALSE(intake_crowded(&c));
}

/* A person has resumed it meanwhile: what was to be paused is of before. */
static void a_pause_of_before(void)
{
	static const struct errand_sort sort = {"not_paused", "", NULL, NULL};

	job.state = JOB_OPEN;
	job.pausing.sort = &sort;
	CU_ASSERT(job_stops(&job));
	job.epoch++;
	CU_ASSERT_FALSE(job_stops(&job));
}

/* ---- failed by the host ---- */

static void failed_before_it_began(void)
{
	struct delivery *one = hold(1);

	work_fail(&c, one, "poison", "3 consumers ended");
	ended_as(one, FATE_FAILED, "poison");
	CU_ASSERT_EQUAL(one->attempts, 2);
	CU_ASSERT_EQUAL(plugin.checked, 0);
}

/* While it is being stored, a delivery stays where it is. */
static void failed_while_being_stored(void)
{
	struct delivery *one = start(0);

	complete(plugin.work[0], &done);
	delivery_move(&c.deliveries, one, DELIVERY_STORING, false);
	work_fail(&c, one, "store", "a value is too long");
	CU_ASSERT_EQUAL(one->state, DELIVERY_STORING);
	CU_ASSERT_EQUAL(one->fate, FATE_FAILED);
	CU_ASSERT_EQUAL(one->attempts, 1);
	CU_ASSERT_PTR_NULL(one->result.data);
}

/* ---- what is lent ---- */

static void maps_are_lent(void)
{
	struct delivery *one = start(0);
	int64_t n = 0;
	struct weir_text text;

	CU_ASSERT_EQUAL(host()->abi_major, WEIR_ABI_MAJOR);
	CU_ASSERT_EQUAL(host()->struct_size, sizeof(struct weir_host));
	CU_ASSERT_EQUAL(host()->map_integer(one->message.item.payload, "n", &n), 0);
	CU_ASSERT_EQUAL(n, 7);
	CU_ASSERT_EQUAL(host()->map_text(one->message.item.context, "n", &text), -1);
	CU_ASSERT(host()->map_real && host()->tx_exec && host()->log);
	CU_ASSERT(host()->map_count && host()->map_entry && host()->tx_results);
}

void add_work_suite(void)
{
	CU_pSuite suite =
		CU_add_suite_with_setup_and_teardown("work", quieten, unquieten, begin, end);

	CU_ADD_TEST(suite, refused_by_check);
	CU_ADD_TEST(suite, without_a_class);
	CU_ADD_TEST(suite, done_within_the_call);
	CU_ADD_TEST(suite, done_later);
	CU_ADD_TEST(suite, note_and_result_are_copied);
	CU_ADD_TEST(suite, done_without_a_result);
	CU_ADD_TEST(suite, a_note_that_is_too_large);
	CU_ADD_TEST(suite, rejected);
	CU_ADD_TEST(suite, rejected_by_an_older_plugin);
	CU_ADD_TEST(suite, rejected_with_too_large_a_result);
	CU_ADD_TEST(suite, charged_for_a_retry);
	CU_ADD_TEST(suite, the_pause_before_a_retry);
	CU_ADD_TEST(suite, a_factor_of_three);
	CU_ADD_TEST(suite, a_pause_that_was_asked_for);
	CU_ADD_TEST(suite, deferred);
	CU_ADD_TEST(suite, the_last_attempt);
	CU_ADD_TEST(suite, no_valid_outcome);
	CU_ADD_TEST(suite, texts_become_utf8);
	CU_ADD_TEST(suite, ended_twice);
	CU_ADD_TEST(suite, a_handle_of_the_past);
	CU_ADD_TEST(suite, from_a_foreign_lane);
	CU_ADD_TEST(suite, a_timer_fires_once);
	CU_ADD_TEST(suite, a_timer_without_delay);
	CU_ADD_TEST(suite, a_timer_is_moved);
	CU_ADD_TEST(suite, a_timer_dies_with_its_work);
	CU_ADD_TEST(suite, timers_that_make_no_sense);
	CU_ADD_TEST(suite, a_timer_ends_its_work);
	CU_ADD_TEST(suite, a_timer_ends_other_works);
	CU_ADD_TEST(suite, a_timer_begins_other_works);
	CU_ADD_TEST(suite, the_time_is_over);
	CU_ADD_TEST(suite, the_time_is_over_for_good);
	CU_ADD_TEST(suite, timer_before_deadline);
	CU_ADD_TEST(suite, timers_have_turns);
	CU_ADD_TEST(suite, a_pause_is_to_come);
	CU_ADD_TEST(suite, a_pause_of_before);
	CU_ADD_TEST(suite, memory_is_left_to_others);
	CU_ADD_TEST(suite, failed_before_it_began);
	CU_ADD_TEST(suite, failed_while_being_stored);
	CU_ADD_TEST(suite, maps_are_lent);
}
