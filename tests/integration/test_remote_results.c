/* Results of remote batches: lines of all kinds, files that are cut, late or of others, and ids
 * that are given again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote.h"

/* ---- lines ---- */

/* What befalls the line of an item, each time or once. */
struct fate {
	int item;
	bool once;
	const char *act;
};

/* before: more of the script, with a comma behind it; after: more rules, with one before them. */
static void script_lines(const char *before, const struct fate *fates, size_t n, const char *after)
{
	char text[4096];
	int at = 0;
	for (size_t i = 0; i < n; i++)
		at += snprintf(text + at, sizeof text - (size_t)at,
			       "%s{'match': {'path': 'line', 'custom_id': 'item_%05d'%s},"
			       " 'do': {%s}}",
			       i ? ", " : "", fates[i].item, fates[i].once ? ", 'times': 1" : "",
			       fates[i].act);
	fake_script("{%s'rules': [%s%s]}", before, text, after);
}

#define SCRIPT_LINES(before, fates, after)                                                         \
	script_lines(before, fates, sizeof(fates) / sizeof *(fates), after)

static void takes_each_line(void)
{
	BOTH
	{
		const struct fate fates[] = {
			{1, true, "'line': 'expired'"},
			{2, true, "'line': 'canceled'"},
			{3, true, "'line': 'missing'"},
			{4, false, "'line': 'errored', 'status': 400"},
			{5, true, "'line': 'errored', 'status': 500"},
			{6, false, v ? "'stop_reason': 'length'" : "'stop_reason': 'max_tokens'"},
			{7, false,
			 v ? "'stop_reason': 'content_filter'" : "'stop_reason': 'refusal'"},
			{8, true, "'line': 'errored', 'status': 529"},
		};
		fake_clean();
		SCRIPT_LINES("", fates, "");
		remote_ask("lines", MODEL, 10);
		struct process *p = remote_drive(NULL);
		remote_await_done("lines");
		for (int i = 0; i < 10; i++)
			remote_expect_answer(i, i == 4	 ? "bad_request f"
						: i == 6 ? "cut_answer t"
						: i == 7 ? "refused_answer f"
							 : "good f");
		EXPECT_INT(remote_check_log("lines", 10), 9);
		remote_expect_tally("lines", v ? "9 3 0 1 2" : "9 3 1 1 1");
		/* What is missing may be waited for while others are asked again. */
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches") / 4, 0);
		EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE due_at <= now()"), 10);
		stop(p);
	}
}

/* Of each batch the first half expires: the first two items three times. */
static void gives_up_after_tries(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'expire_share': 0.5}}");
		remote_ask("half", MODEL, 16);
		struct process *p = remote_drive(NULL);
		remote_await_done("half");
		remote_expect_answer(0, "batch_expired t");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), 14);
		EXPECT_INT(remote_check_log("half", 16), 14);
		remote_expect_tally("half", "14 0 0 14 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 3);
		stop(p);
	}
}

static void reads_cut_results_again(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'times': 2},"
			    " 'do': {'status': 200, 'cut_after_bytes': 300000}}]}",
			    remote_results_path[v]);
		remote_ask("cut", MODEL, 1500);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("cut", 1500);
		remote_expect_tally("cut", "1500 0 0 0 0");
		stop(p);
	}
}

/* Of that which is there a little later nothing is asked again. */
static void waits_for_what_is_not_there_yet(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'GET', 'times': 2},"
			    " 'do': {'status': 404}},"
			    " {'match': {'path': '%s', 'times': 2}, 'do': {'status': 404}}]}",
			    remote_batch_path[v], remote_results_path[v]);
		remote_ask("early", MODEL, 30);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("early", 30);
		remote_expect_tally("early", "30 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

/* It says that it has ended, and has no results for us so far. */
static void waits_for_late_results(void)
{
	fake_script(
		"{'rules': [{'match': {'path': '/v1/batches/{id}', 'method': 'GET', 'times': 3},"
		" 'do': {'status': 200, 'body': {'id': 'batch_1', 'object': 'batch', 'status':"
		" 'completed', 'request_counts': {'total': 30, 'completed': 30, 'failed': 0}}}}]}");
	remote_ask("late", "gpt-batch", 30);
	struct process *p = remote_drive(NULL);
	remote_check_paid_once("late", 30);
	remote_expect_tally("late", "30 0 0 0 0");
	stop(p);
}

static void sends_again_what_is_gone(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		remote_ask("gone", MODEL, 30);
		struct process *p = remote_drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
		fake_script("{'batch': {'end_ms': 100}}");
		sql_text("UPDATE weir.remote_batches SET remote_id = 'deleted_there'");
		remote_check_answered("gone", 30, 30);
		EXPECT_INT(remote_check_log("gone", 30), 30);
		remote_expect_tally("gone", "30 0 0 0 30");
		stop(p);
	}
}

/* Lines that say nothing of an item, whatever they say: asked for in three remote batches in all,
 * each later than the one before. Of those that tell whose they are, nobody knows what they cost.
 */
static void gives_up_what_never_reads(void)
{
	static const struct fate fates[] = {
		{0, false, "'line_form': 'broken'"},	    {1, false, "'line_form': 'text'"},
		{2, false, "'line_form': 'wrong_id'"},	    {3, false, "'line_form': 'missing_id'"},
		{4, false, "'line_form': 'number_id'"},	    {5, false, "'line_form': 'joined'"},
		{6, false, "'line_form': 'response_null'"}, {7, false, "'line': 'missing'"},
	};
	BOTH
	{
		fake_clean();
		SCRIPT_LINES("", fates, "");
		remote_ask("odd", MODEL, 10);
		struct process *p = remote_drive(NULL);
		remote_await_done("odd");
		for (int i = 0; i < 8; i++)
			remote_expect_answer(i, "lost f");
		remote_expect_answer(8, "good f");
		remote_expect_answer(9, "good f");
		remote_expect_tally("odd", "2 0 0 0 24");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 3);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error LIKE '3 remote "
			       "batches came back without its answer: %%'"),
			   8);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal < 8"
			       " AND cost IS NULL AND answer IS NOT NULL"),
			   24);
		EXPECT_INT(sql("SELECT count(*) FROM (SELECT created_at - lag(done_at) OVER (ORDER"
			       " BY id) AS apart, row_number() OVER (ORDER BY id) AS n"
			       " FROM weir.remote_batches) b WHERE n > 1"
			       " AND apart >= interval '0.9 s' * power(4, n - 2)"),
			   2);
		EXPECT_PART(log_of(p), "bad_result_line");
		stop(p);
	}
}

static void expect_lost(const char *job, int n, const char *why)
{
	remote_await_done(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s' AND NOT spent"
		       " AND error_class = 'lost' AND NOT again AND error LIKE '%%%s%%'"
		       " AND error NOT LIKE '%%duplicate key%%'",
		       job, why),
		   n);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s' AND cost IS NULL"
		       " AND NOT usage_known AND answer = ''",
		       job),
		   3 * n);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s'", job), 3 * n);
}

/* Whatever stands there in place of results, or of half of them, they are asked for again. */
static void reads_results_until_whole(void)
{
	static const char *const acts[] = {
		"'status': 200, 'body': '<html><title>502 Bad Gateway</title></html>'",
		"'status': 200, 'body': {'error': {'code': 500}}",
		"'status': 200, 'body': {'error': {'type': 'rate_limit_error'}}",
		"'status': 200, 'body': ''", "'wire': 'half'"};
	BOTH for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'times': 3}, 'do': {%s}}]}",
			    remote_results_path[v], acts[i]);
		remote_ask("again", MODEL, 30);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("again", 30);
		remote_expect_tally("again", "30 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

/* Never there: what was paid for is not known, and said to be so. */
static void tells_what_was_not_read(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s'}, 'do': {'status': 200, 'body':"
			    " '<html><title>502 Bad Gateway</title></html>'}}]}",
			    remote_results_path[v]);
		remote_ask("page", MODEL, 3);
		struct process *p = remote_drive(NULL);
		expect_lost("page", 3,
			    "says that it completed 3: instead of results there is%"
			    "an HTML page: 502 Bad Gateway");
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'GET'},"
			    " 'do': {'patch': {'%s': null}}}]}",
			    remote_batch_path[v], v ? "output_file_id" : "results_url");
		remote_ask("null", MODEL, 3);
		stop(p);
		p = remote_drive(NULL);
		expect_lost("null", 3, "says that it completed 3 of it");
		stop(p);
	}
}

static void reads_odd_lines(void)
{
	static const struct fate fates[] = {
		{0, false, "'line_form': 'error_both'"},
		{1, false, "'line_form': 'status_text'"},
		{2, false, "'line_form': 'status_missing'"},
		{3, false, "'line_form': 'half_character'"},
		{4, false, "'line_form': 'status_word'"},
	};
	BOTH
	{
		fake_clean();
		SCRIPT_LINES("", fates, "");
		remote_ask("odd", MODEL, 6);
		struct process *p = remote_drive(NULL);
		remote_await_done("odd");
		remote_expect_answer(0, "lost f");
		for (int i = 1; i < 6; i++)
			remote_expect_answer(i, i == 4 ? "provider_error t" : "good f");
		EXPECT_INT(
			sql("SELECT count(*) FROM weir.answers WHERE ordinal = 0 AND cost IS NULL"
			    " AND error LIKE '%%an answer, and an error as well: %%Internal "
			    "error'"),
			3);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal = 4"
			       " AND error LIKE '%%Bad%%Gateway%%'"),
			   1);
		stop(p);
	}
}

/* Both were paid for; the first one counts. */
static void keeps_both_of_two(void)
{
	static const struct fate fates[] = {
		{0, false, "'line_form': 'twice_other', 'answer': 'A', 'draft': 'B'"},
		{1, false, "'line_form': 'twice_other_first', 'answer': 'A', 'draft': 'B'"},
		{2, false, "'line_form': 'twice'"},
	};
	BOTH
	{
		fake_clean();
		SCRIPT_LINES("", fates, "");
		remote_ask("two", MODEL, 4);
		struct process *p = remote_drive(NULL);
		remote_await_done("two");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 6);
		for (int i = 0; i < 2; i++)
			EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal = %d"
				       " AND cost > 0 AND answer = CASE"
				       " WHEN error_class IS NULL THEN '%s'"
				       " WHEN error_class = 'extra_answer' AND spent THEN '%s' END",
				       i, i ? "B" : "A", i ? "A" : "B"),
				   2);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), 4);
		EXPECT_PART(log_of(p), "two_result_lines");
		stop(p);
	}
}

/* They are more lines apart than are stored at a time: what failed was tried again at the end. The
 * last of the items are the first of the lines. */
static void takes_the_good_one_of_two(void)
{
	static const struct fate fates[] = {
		{1199, false, "'line_form': 'twice_429_first'"},
		{1198, false, "'line_form': 'twice_cut_first', 'answer': 'A', 'draft': 'B'"},
		{1197, false, "'line_form': 'twice_other', 'answer': 'A', 'draft': 'B'"},
	};
	BOTH
	{
		fake_clean();
		SCRIPT_LINES("'batch': {'file_form': 'twins_last'}, ", fates, "");
		remote_ask("apart", MODEL, 1200);
		struct process *p = remote_drive(NULL);
		remote_await_done("apart");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"),
			   1200);
		remote_expect_text(
			sql_text("SELECT string_agg(answer, ' ' ORDER BY ordinal) FROM weir.answers"
				 " WHERE error_class IS NULL AND ordinal IN (1197, 1198)"),
			"A B");
		remote_expect_text(
			sql_text("SELECT string_agg(concat_ws(' ', ordinal, error_class, answer,"
				 " spent), ', ' ORDER BY ordinal) FROM weir.answers"
				 " WHERE error_class IS NOT NULL AND cost > 0"),
			"1197 extra_answer B t, 1198 extra_answer A t");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 1202);
		stop(p);
	}
}

/* Not one of the lines is of the batch: it is ours all the same, for we have made it. */
static void gives_up_what_is_of_others(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': 'line'}, 'do': {'line_form':"
			    " 'wrong_id'}}]}");
		remote_ask("other", MODEL, 3);
		struct process *p = remote_drive(NULL);
		remote_await_done("other");
		for (int i = 0; i < 3; i++)
			remote_expect_answer(i, "lost f");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 3);
		stop(p);
	}
}

/* One id for all answers, and a line that comes twice: none hides another. */
static void tells_alike_apart(void)
{
	BOTH
	{
		const struct fate fates[] = {
			{1, true,
			 v ? "'id': 'chatcmpl-1', 'stop_reason': 'length'"
			   : "'id': 'chatcmpl-1', 'stop_reason': 'max_tokens'"},
			{2, false, "'line_form': 'twice_other', 'id': 'chatcmpl-1'"},
		};
		fake_clean();
		SCRIPT_LINES("", fates,
			     ", {'match': {'path': 'line'}, 'do': {'id': 'chatcmpl-1'}}");
		remote_ask("alike", MODEL, 10);
		struct process *p = remote_drive(NULL);
		remote_await_done("alike");
		remote_expect_answer(1, "cut_answer t");
		sql_text(
			"INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt,"
			" ai_model, model_key, body, tokens) SELECT job_id, 1, ordinal, custom_id, "
			"0,"
			" '%s', 'idea', json_build_object('model', '%s', 'max_tokens', 100,"
			" 'messages', json_build_array(json_build_object('role', 'user', 'content',"
			" 'once more')))::text, 20 FROM weir.items WHERE ordinal = 1",
			MODEL, MODEL);
		remote_await_done("alike");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), 10);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 12);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal = 2 AND"
			       " error_class = 'extra_answer'"),
			   1);
		stop(p);
	}
}

/* It ended long ago, and its results never come: the wait for them has an end as well. */
static void gives_up_results_that_never_come(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s'}, 'do': {'status': 500}}]}",
			    remote_results_path[v]);
		remote_ask("stuck", MODEL, 3);
		struct process *p = remote_drive(NULL);
		for (int tries = 1; tries <= 3; tries++) {
			await(PATIENCE_MS,
			      "SELECT count(*) = 1 FROM weir.remote_batches WHERE id = (SELECT"
			      " max(id) FROM weir.remote_batches) AND state = 'ended'");
			sql_text("UPDATE weir.remote_batches SET sent_at = now() - interval"
				 " '27 hours' WHERE state = 'ended'");
			await(PATIENCE_MS,
			      "SELECT count(*) = %d FROM weir.remote_batches WHERE state = 'done'",
			      tries);
		}
		remote_await_done("stuck");
		for (int i = 0; i < 3; i++)
			remote_expect_answer(i, "lost f");
		stop(p);
	}
}

/* It is gone, and now and then nobody can tell: that does not begin the wait for it anew. */
static void gives_up_what_is_gone_among_errors(void)
{
	fake_script("{'batch': {'end_ms': 3600000}}");
	remote_ask("flaky", "claude-batch", 3);
	struct process *p = remote_drive(NULL);
	await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
	fake_script("{'batch': {'end_ms': 100}, 'rules': [{'match': {'path': '%s', 'method': 'GET',"
		    " 'every': 2}, 'do': {'status': 500}}]}",
		    remote_batch_path[0]);
	sql_text("UPDATE weir.remote_batches SET remote_id = 'deleted_there'");
	remote_check_answered("flaky", 3, 3);
	stop(p);
}

/* A batch that its provider does not end, long after the time in which it would. */
static void gives_up_what_never_ends(void)
{
	fake_script("{'batch': {'end_ms': 100, 'finalizing_ms': 3600000, 'cancel_ms': 3600000}}");
	remote_ask("endless", "gpt-batch", 3);
	struct process *p = remote_drive(NULL);
	for (int round = 1; round <= 3; round++) {
		await(PATIENCE_MS,
		      "SELECT count(*) = %d AND bool_or(state = 'running')"
		      " FROM weir.remote_batches",
		      round);
		sql_text("UPDATE weir.remote_batches SET sent_at = sent_at - interval '27 hours'"
			 " WHERE state = 'running'");
		await(PATIENCE_MS,
		      "SELECT bool_and(state = 'done') FROM weir.remote_batches"
		      " WHERE id <= (SELECT min(id) + %d FROM weir.remote_batches)",
		      round - 1);
	}
	remote_await_done("endless");
	for (int i = 0; i < 3; i++)
		remote_expect_answer(i, "lost f");
	EXPECT_PART(log_of(p), "remote_batch_cancelled");
	stop(p);
}

static void reads_files_of_others(void)
{
	static const char *const forms[] = {
		"byte_order_mark", "crlf",	  "cr",	  "mark_and_crlf",
		"blank_lines",	   "no_last_end", "array"};
	BOTH for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
	{
		fake_clean();
		fake_script("{'batch': {'file_form': '%s'}}", forms[i]);
		remote_ask("file", MODEL, 30);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("file", 30);
		stop(p);
	}
}

/* ---- ids that are given again ---- */

/* While another one has it, it is not to be told whose results are whose. Nothing else waits. */
static void refuses_an_id_that_is_used(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		remote_ask("first", MODEL, 4);
		struct process *p = remote_drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'patch': {'id': '%s'}}}]}",
			    remote_create_path[v],
			    sql_text("SELECT remote_id FROM weir.remote_batches"));
		remote_ask("second", MODEL, 4);
		remote_ask("cancelled", MODEL, 4);
		sql_text("SELECT weir.cancel_job('cancelled')");
		expect_lost("second", 4,
			    "the provider calls it %, as it does remote batch %"
			    "which has not ended");
		remote_await_done("cancelled");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE job_id = 'second'"),
			   3);
		EXPECT(fake_answered(remote_create_path[v], NULL, 200) <= 1 + 3 + 3,
		       "sent on and on");
		EXPECT_PART(log_of(p), "remote_batch_refused");
		fake_script("{'batch': {'end_ms': 100}}");
		remote_ask("other", remote_models[!v], 4);
		remote_check_paid_once("other", 4);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = 'first'"
			       " AND error_class IS NULL"),
			   0);
		stop(p);
	}
}

/* The server counts from 1 again; or it gives what was the answer to another. */
static void takes_an_id_again_if_it_is_new(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'id': 'batch_1'}}");
		remote_ask("old", MODEL, 4);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("old", 4);
		sql_text("UPDATE weir.remote_batches SET sent_at = sent_at - interval '1 hour'");
		remote_ask("new", MODEL, 4);
		remote_check_paid_once("new", 4);
		sql_text("UPDATE weir.remote_batches SET sent_at = sent_at - interval '1 hour'");
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'patch': %s}}]}",
			    remote_create_path[v],
			    v ? "{'metadata': {'weir': 'another'}}"
			      : "{'created_at': '2020-01-01T00:00:00Z'}");
		remote_ask("stale", MODEL, 4);
		expect_lost("stale", 4,
			    v ? "what the provider has as batch_1 is another batch"
			      : "the provider calls it batch_1, as it does remote batch %"
				"which it may be");
		stop(p);
	}
}

/* One whose creation never gets an answer holds up none of another provider's. */
static void lets_others_pass(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'status': 502}}]}",
			    remote_create_path[v]);
		remote_ask("stuck", MODEL, 4);
		struct process *p = remote_drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(sent_at IS NOT NULL) FROM weir.remote_batches");
		remote_ask("free", remote_models[!v], 4);
		remote_check_paid_once("free", 4);
		EXPECT_INT(sql("SELECT count(*) FROM weir.requests WHERE job_id = 'stuck'"), 4);
		stop(p);
	}
}

void add_remote_results_suite(void)
{
	CU_pSuite s = FAKE_SUITE("results of remote batches");
	CU_add_test(s, "each line has its own consequence", takes_each_line);
	CU_add_test(s, "what expires is asked again, three times in all", gives_up_after_tries);
	CU_add_test(s, "results that were cut are read again", reads_cut_results_again);
	CU_add_test(s, "what is not there yet is waited for", waits_for_what_is_not_there_yet);
	CU_add_test(s, "results that come late are waited for", waits_for_late_results);
	CU_add_test(s, "results are read until they are whole", reads_results_until_whole);
	CU_add_test(s, "what could not be read is told, its cost unknown", tells_what_was_not_read);
	CU_add_test(s, "odd lines are read, or told", reads_odd_lines);
	CU_add_test(s, "of two lines that differ both are kept", keeps_both_of_two);
	CU_add_test(s, "the good one of two counts, wherever it stands", takes_the_good_one_of_two);
	CU_add_test(s, "an id that is another's is refused", refuses_an_id_that_is_used);
	CU_add_test(s, "an id comes again, and is new or not", takes_an_id_again_if_it_is_new);
	CU_add_test(s, "one batch holds up none of others", lets_others_pass);
	CU_add_test(s, "what the provider has lost is sent again", sends_again_what_is_gone);
	CU_add_test(s, "what never reads is lost, after three batches", gives_up_what_never_reads);
	CU_add_test(s, "a batch of others' lines is lost too", gives_up_what_is_of_others);
	CU_add_test(s, "a batch that never ends is cancelled, and lost", gives_up_what_never_ends);
	CU_add_test(s, "results that never come are given up", gives_up_results_that_never_come);
	CU_add_test(s, "what is gone is given up, also among errors",
		    gives_up_what_is_gone_among_errors);
	CU_add_test(s, "answers of one id are told apart", tells_alike_apart);
	CU_add_test(s, "marks, line ends and empty lines are read over", reads_files_of_others);
}
