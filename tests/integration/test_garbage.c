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
	publish("sum", NULL, "x", 1);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *relay = start("dead_letter_kept", "weir-relay", NULL);
	EXPECT_INT(await_exit(relay, PATIENCE_MS), -9);
	start(NULL, "weir-relay", NULL);
	queue_await_size("weir.dead", 0);
	finish(job_submit(job_new("after", "sum", 20)));
	int64_t letters = sql("SELECT count(*) FROM weir.dead_letters");
	EXPECT(letters == 1 || letters == 2, "%lld letters", (long long)letters);
}

void add_garbage_suite(void);

void add_garbage_suite(void)
{
	CU_pSuite s = WORLD_SUITE("garbage");
	CU_add_test(s, "garbage of all sorts between items", garbage_between_items);
	CU_add_test(s, "a relay dies over a dead letter", relay_dies_over_a_letter);
}
