/* Messages that nobody sent: they are kept with their reason, and harm nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define JSON "application/json"
#define LARGE (2 * 1024 * 1024)

#define FIELDS(v, kind, job, id)                                                                   \
	"{\"v\":" v ",\"kind\":\"" kind "\",\"job_id\":\"" job "\",\"batch_id\":\"" job            \
	"-s1-b0\","                                                                                \
	"\"stage\":1,\"ordinal\":0,\"custom_id\":\"" id "\",\"epoch\":0,\"attempt\":0,"            \
	"\"payload\":{\"key\":\"k\",\"amount\":1}"
#define CONTEXT ",\"context\":{\"label\":\"x\"}}"

static char deep[1001], large[LARGE];

static const struct garbage {
	const char *name, *content_type;
	const char *body;
	size_t size; /* 0: that of the text */
	const char *reason;
} garbage[] = {
	{"nothing at all", NULL, "", 0, "truncated"},
	{"nothing at all as JSON", JSON, "", 0, "bad_json"},
	{"half a map", NULL, "\x8b\xa1v\x01\xa4kin", 8, "truncated"},
	{"four billion items to come", NULL, "\xdd\xff\x00\x00\x00", 5, "truncated"},
	{"a thousand levels", NULL, deep, 1000, "too_deep"},
	{"2 MB", NULL, large, LARGE, "oversized"},
	{"bytes that are not UTF-8", NULL, "\x81\xa1v\xa2\xff\xfe", 6, "bad_utf8"},
	{"a later version", JSON, FIELDS("2", "sum", "nojob", "a") CONTEXT, 0, "bad_version"},
	{"a kind that there is not", JSON, FIELDS("1", "nosuch", "nojob", "a") CONTEXT, 0,
	 "unknown_kind"},
	{"a job that there is not", JSON, FIELDS("1", "sum", "nojob", "a") CONTEXT, 0,
	 "unknown_item"},
	{"another item's place", JSON, FIELDS("1", "sum", "garbage", "item_00001") CONTEXT, 0,
	 "unknown_item"},
	{"a list instead of an object", JSON, "[1,2,3]", 0, "bad_json"},
	{"no JSON", JSON, "{\"v\":1,", 0, "bad_json"},
	{"a real item without context", JSON, FIELDS("1", "sum", "garbage", "item_00000") "}", 0,
	 "missing_field"},
	{"a content type that there is not", "text/plain", "hello", 0, "bad_content_type"},
};

#define GARBAGE (sizeof garbage / sizeof *garbage)

static void publish_garbage(size_t from, size_t step)
{
	memset(deep, 0x91, sizeof deep);
	memset(large, 'x', sizeof large);
	for (size_t i = from; i < GARBAGE; i += step) {
		const struct garbage *g = &garbage[i];
		publish("sum", g->content_type, g->body, g->size ? g->size : strlen(g->body));
	}
}

static void expect_letters(void)
{
	for (size_t i = 0; i < GARBAGE; i++) {
		int wanted = 0;
		for (size_t k = 0; k < GARBAGE; k++)
			wanted += strcmp(garbage[k].reason, garbage[i].reason) == 0;
		int64_t seen = sql("SELECT count(*) FROM weir.dead_letters WHERE reason_code = '%s'"
				   " AND reason <> '' AND queue = 'weir.sum'",
				   garbage[i].reason);
		EXPECT(seen == wanted, "%s: %lld letters with the reason %s, not %d",
		       garbage[i].name, (long long)seen, garbage[i].reason, wanted);
	}
	EXPECT(sql("SELECT count(*) FROM weir.dead_letters") == (int64_t)GARBAGE, "the letters: %s",
	       sql_text("SELECT string_agg(reason_code || ': ' || reason, '; ')"
			" FROM weir.dead_letters"));
}

static void garbage_between_items(void)
{
	struct job *job = job_submit(job_new("garbage", "sum", 100));
	publish_garbage(0, 2);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	publish_garbage(1, 2);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_final(job, job->size);
	await(PATIENCE_MS, "SELECT count(*) >= %d FROM weir.dead_letters", (int)GARBAGE);
	EXPECT(is_alive(consumer), "the consumer ended with %d", consumer->status);
	finish(job);
	expect_letters();
	EXPECT_INT(sql("SELECT length(body) FROM weir.dead_letters WHERE reason_code = 'too_deep'"),
		   1000);
}

/* The letter may be kept twice then, but it is not lost. */
static void relay_dies_over_a_letter(void)
{
	publish_dead("x", 1);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *relay = start("dead_letter_kept", "weir-relay", NULL);
	EXPECT_INT(await_exit(relay, PATIENCE_MS), -9);
	start(NULL, "weir-relay", NULL);
	queue_await_size("weir.dead", 0);
	finish(job_submit(job_new("after", "sum", 20)));
	int64_t letters = sql("SELECT count(*) FROM weir.dead_letters");
	EXPECT(letters == 1 || letters == 2, "%lld letters", (long long)letters);
}

/* A message that was refused says nothing about the item that it names. */
static void a_forged_message_names_a_real_item(void)
{
	static const char forged[] = FIELDS("1", "nosuch", "real", "item_00000") CONTEXT;
	struct job *job = job_submit(job_new("real", "sum", 20));
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	sql_text("UPDATE weir.job_batches SET due_at = 'infinity'");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	publish("sum", JSON, forged, strlen(forged));
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters"
			   " WHERE reason_code = 'unknown_kind'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 0);
	sql_text("UPDATE weir.job_batches SET due_at = now()");
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 1);
}

/* Its item is still pending, and nobody is to blame. */
static void messages_expire(void)
{
	struct job *job = job_submit(job_new("expired", "sum", 20));
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	EXPECT_INT(bury("weir.sum", "expired"), 20);
	start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 20 FROM weir.retries");
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials WHERE starts > 0"), 0);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 0);
}

/* ---- rows that nobody should have written ---- */

static void a_context_that_is_no_object(void)
{
	sql_text("DO $$ BEGIN"
		 " INSERT INTO weir.jobs (job_id, kind, context, batch_size)"
		 "  VALUES ('list', 'sum', '[\"label\"]', 20);"
		 " RAISE 'it was taken';"
		 " EXCEPTION WHEN check_violation THEN NULL; END $$");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
}

#define TOO_DEEP "(repeat('{\"a\":', 20) || '1' || repeat('}', 20))::json"

/* They can never be a message. That ends them, and holds nobody up. */
static void contexts_that_are_too_deep(void)
{
	struct job *item = job_submit(job_new("deep_item", "sum", 30));
	struct job *whole = job_submit(job_new("deep_job", "sum", 30));
	struct job *behind = job_submit(job_new("behind", "sum", 30));
	sql_text("UPDATE weir.items SET context = " TOO_DEEP
		 " WHERE job_id = 'deep_item' AND ordinal = 7");
	sql_text("UPDATE weir.jobs SET context = " TOO_DEEP " WHERE job_id = 'deep_job'");
	item->items[7].failure = "unpublishable";
	for (int i = 0; i < whole->size; i++)
		whole->items[i].failure = "unpublishable";
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(behind);
	await_ended(whole);
	await_ended(item);
	EXPECT_PART(log_of(relay), "item_unpublishable");
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results WHERE status = 2"), 0);
	stop_all();
	check_exact(behind);
	check_exact(whole);
	check_exact(item);
}

void add_garbage_suite(void);

void add_garbage_suite(void)
{
	CU_pSuite s = WORLD_SUITE("garbage");
	CU_add_test(s, "garbage of all sorts between items", garbage_between_items);
	CU_add_test(s, "a relay dies over a dead letter", relay_dies_over_a_letter);
	CU_add_test(s, "a forged message names a real item", a_forged_message_names_a_real_item);
	CU_add_test(s, "messages expire", messages_expire);
	CU_add_test(s, "a context that is no object", a_context_that_is_no_object);
	CU_add_test(s, "contexts that are too deep", contexts_that_are_too_deep);
}
