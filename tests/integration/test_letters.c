/* Dead letters: listed, shown, given another chance, deleted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define MESSAGE "'{\"v\":1,\"kind\":\"sum\",\"payload\":{\"esc\":\"\\\\u001b[2J\"}}'"

static void make_letters(void)
{
	static const char *const rows[] = {
		"'weir.sum', 'bad_json', 'no JSON', 'application/json', 'gone/1/a', " MESSAGE,
		"'weir.sum', 'truncated', 'half a map', NULL, NULL, '\\x8ba17601a46b696e'",
		"'weir.sum', 'unknown_item', 'the ledger has none', NULL, 'gone/1/b',"
		" '\\x82a17601a46b696e64a373756d'",
		"'weir.slow', 'bad_content_type', 'text/plain', 'text/plain', 'other/1/c',"
		" convert_to('hello ' || chr(27) || '[31m' || chr(10) || 'world', 'UTF8')",
		"'weir.sum', 'oversized', 'too large', NULL, NULL, ''",
		"'elsewhere', 'truncated', chr(27) || '[2Jclear', NULL, NULL, '\\x00ff'",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, content_type,"
			 " message_id, body) VALUES (%s)",
			 rows[i]);
}

static int64_t letter(const char *code)
{
	return sql("SELECT min(id) FROM weir.dead_letters WHERE reason_code = '%s'", code);
}

static const struct outcome *dead(const char *action, const char *option, const char *value)
{
	return run(NULL, "weir", "dead", action, option, value, NULL);
}

static int lines(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void letters_are_listed(void)
{
	EXPECT_PART(dead("list", NULL, NULL)->out, "no dead letters");
	make_letters();
	const struct outcome *o = dead("list", NULL, NULL);
	EXPECT_INT(lines(o->out), 6);
	EXPECT(strchr(o->out, 27) == NULL, "an escape got through: %s", o->out);
	EXPECT(strstr(o->out, "bad_json") < strstr(o->out, "oversized"), "not in order: %s",
	       o->out);
	EXPECT_INT(lines(dead("list", "--queue", "weir.sum")->out), 4);
	EXPECT_INT(lines(dead("list", "--code", "truncated")->out), 2);
	EXPECT_INT(lines(dead("list", "--job", "gone")->out), 2);
	EXPECT_PART(dead("list", "--message-id", "gone/1/b")->out, "unknown_item");
	EXPECT_PART(dead("list", "--older-than", "1h")->out, "no dead letters");
	o = dead("list", "--limit", "2");
	EXPECT_INT(lines(o->out), 3);
	EXPECT_PART(o->out, "elsewhere");
	EXPECT_PART(o->out, "4 older ones");
	EXPECT_PART(dead("list", "--format", "json")->out, "\"reason_code\":\"bad_json\"");
	EXPECT_INT(dead("list", "--format", "xml")->status, 2);
	EXPECT_INT(dead("bury", NULL, NULL)->status, 2);
}

static const char *show(const char *code)
{
	char id[32];
	snprintf(id, sizeof id, "%lld", (long long)letter(code));
	const struct outcome *o = dead("show", id, NULL);
	EXPECT(o->status == 0, "show %s: %d: %s", code, o->status, o->err);
	EXPECT(strchr(o->out, 27) == NULL, "an escape got through: %s", o->out);
	return o->out;
}

static void letters_are_shown(void)
{
	make_letters();
	EXPECT_PART(show("bad_json"), "\"esc\": \"\\u001B[2J\"");
	EXPECT_PART(show("unknown_item"), "\"kind\": \"sum\"");
	EXPECT_PART(show("bad_content_type"), "hello \\x1b[31m\nworld");
	EXPECT_PART(show("truncated"), "8b a1 76 01 a4 6b 69 6e");
	EXPECT_PART(show("oversized"), "(empty)");
	EXPECT_INT(dead("show", "99999999", NULL)->status, 1);
	EXPECT_INT(dead("show", "abc", NULL)->status, 2);
	const struct outcome *huge = dead("show", "99999999999999999999", NULL);
	EXPECT_INT(huge->status, 2);
	EXPECT_PART(huge->err, "\"99999999999999999999\" is not the number of a letter");
	char id[32], text[64] = "";
	snprintf(id, sizeof id, "%lld", (long long)letter("truncated"));
	EXPECT_INT(run(NULL, "weir", "dead", "show", id, "--body", LOGS "/body.bin", NULL)->status,
		   0);
	FILE *f = fopen(LOGS "/body.bin", "r");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;
	EXPECT(n == 8 && memcmp(text, "\x8b\xa1v\x01\xa4kin", 8) == 0, "%zu bytes: %s", n, text);
	if (f)
		fclose(f);
}

static void letters_are_retried_and_purged(void)
{
	make_letters();
	EXPECT_INT(dead("retry", NULL, NULL)->status, 2);
	EXPECT_INT(dead("purge", NULL, NULL)->status, 2);
	EXPECT_PART(dead("retry", "--job", "gone")->out, "2 letters are due");
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters WHERE due_at IS NOT NULL"), 2);
	EXPECT_PART(dead("retry", "--code", "oversized")->out, "1 cannot be");
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters WHERE due_at IS NOT NULL"), 2);
	EXPECT_PART(dead("purge", "--code", "truncated")->out, "2 letters are deleted");
	EXPECT_PART(run(NULL, "weir", "dead", "purge", "--all", "--limit", "1", NULL)->out,
		    "1 letters are deleted");
	EXPECT_INT(letter("bad_json"), INT64_MIN);
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, body)"
		 " SELECT 'weir.sum', 'many', 'many', 'x' FROM generate_series(1, 2500)");
	EXPECT_PART(dead("purge", "--all", NULL)->out, "2503 letters are deleted");
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 0);
}

/* One that was refused by mistake ends its item; what is still garbage comes back. */
static void letters_are_published_again(void)
{
	struct job *job = job_submit(job_new("mended", "sum", 20));
	sql_text("UPDATE weir.job_batches SET due_at = 'infinity'");
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, content_type, body)"
		 " SELECT 'weir.sum', 'unknown_item', 'x', 'application/json', convert_to("
		 "  json_build_object('v', 1, 'kind', 'sum', 'job_id', 'mended', 'batch_id',"
		 "   'mended-s1-b0', 'stage', 1, 'ordinal', 0, 'custom_id', 'item_00000', 'epoch', "
		 "0,"
		 "   'attempt', 0, 'context', json_build_object('label', 'mended'), 'payload',"
		 "   payload)::text, 'UTF8') FROM weir.items WHERE ordinal = 0");
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, body)"
		 " VALUES ('weir.sum', 'truncated', 'x', '\\x81')");
	int64_t last = sql("SELECT max(id) FROM weir.dead_letters");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	EXPECT_PART(dead("retry", "--all", NULL)->out, "2 letters are due");
	await_final(job, 1);
	await(PATIENCE_MS,
	      "SELECT count(*) = 1 AND min(id) > %lld FROM weir.dead_letters"
	      " WHERE reason_code = 'truncated'",
	      (long long)last);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 1);
	sql_text("UPDATE weir.job_batches SET due_at = now()");
	finish(job);
}

void add_letters_suite(void);

void add_letters_suite(void)
{
	CU_pSuite s = WORLD_SUITE("dead letters");
	CU_add_test(s, "dead letters are listed", letters_are_listed);
	CU_add_test(s, "dead letters are shown", letters_are_shown);
	CU_add_test(s, "dead letters are retried and purged", letters_are_retried_and_purged);
	CU_add_test(s, "dead letters are published again", letters_are_published_again);
}
