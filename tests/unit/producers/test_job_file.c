#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job_file.h"

static struct weir_error err;
static char path[] = "/tmp/weir-job-file-XXXXXX";

static int setup(void)
{
	int fd = mkstemp(path);
	return fd < 0 || close(fd) < 0;
}

static int cleanup(void) { return unlink(path); }

static int read_bytes(const char *text, size_t size, struct job_file *f)
{
	FILE *out = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	CU_ASSERT_EQUAL(fwrite(text, 1, size, out), size);
	CU_ASSERT_EQUAL(fclose(out), 0);
	return job_file_read(path, f, &err);
}

/* The error names the file, and this. */
static void refuses(const char *text, const char *part)
{
	struct job_file f = {.root = NULL};
	CU_ASSERT_EQUAL(read_bytes(text, strlen(text), &f), -1);
	CU_ASSERT_PTR_NULL(f.root);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part));
}

static void values(void)
{
	static const char text[] =
		"{\"kind\": \"sum\", \"job\": \"j\", \"batch_size\": 1000, \"max_attempts\": 1,"
		" \"backoff\": \"250ms\", \"backoff_factor\": 1.5, \"backoff_cap\": \"1h\","
		" \"max_concurrent\": 4, \"from\": \"db\", \"context\": {}}";
	struct job_file f;
	CU_ASSERT_EQUAL_FATAL(read_bytes(text, strlen(text), &f), 0);
	CU_ASSERT_STRING_EQUAL(f.kind, "sum");
	CU_ASSERT_EQUAL(f.batch_size, 1000);
	CU_ASSERT_EQUAL(f.backoff_ms, 250);
	CU_ASSERT_EQUAL(f.backoff_factor, 1.5);
	CU_ASSERT_EQUAL(f.backoff_cap_ms, 3600000);
	CU_ASSERT_EQUAL(f.max_concurrent, 4);
	CU_ASSERT_PTR_NULL(f.mode);
	CU_ASSERT_PTR_NULL(f.stages);
	job_file_release(&f);
	CU_ASSERT_PTR_NULL(f.root);
}

static void a_byte_order_mark(void)
{
	static const char text[] = "\xEF\xBB\xBF{\"kind\": \"sum\"}";
	struct job_file f;
	CU_ASSERT_EQUAL_FATAL(read_bytes(text, strlen(text), &f), 0);
	CU_ASSERT_STRING_EQUAL(f.kind, "sum");
	job_file_release(&f);
}

/* Nobody writes to the pipe: that must not be waited for. */
static void no_regular_file(void)
{
	static const char pipe_path[] = "/tmp/weir-job-file-pipe";
	struct job_file f;
	unlink(pipe_path);
	CU_ASSERT_EQUAL_FATAL(mkfifo(pipe_path, 0600), 0);
	CU_ASSERT_EQUAL(job_file_read(pipe_path, &f, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no regular file"));
	unlink(pipe_path);
	CU_ASSERT_EQUAL(job_file_read("/tmp", &f, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no regular file"));
}

static void faults(void)
{
	refuses("", "line");
	refuses("[]", "a JSON object is wanted");
	refuses("{\"kind\": \"a\",\n\n\"kind\": \"b\"}", "line 3: duplicate");
	refuses("{\"kind\": \"a\\u0000\"}", "line 1: ");
	refuses("{\"Kind\": \"a\"}", "\"Kind\": there is no such key; there are: kind, stages");
	refuses("{\"kind\": 1}", "\"kind\": a text");
	refuses("{\"kind\": \"\"}", "\"kind\": a text");
	refuses("{\"batch_size\": 0}", "\"batch_size\": a whole number from 1 to 1000");
	refuses("{\"batch_size\": 1001}", "\"batch_size\"");
	refuses("{\"batch_size\": 10.0}", "\"batch_size\"");
	refuses("{\"max_attempts\": \"3\"}", "\"max_attempts\": a whole number from 1 to 1000");
	refuses("{\"max_attempts\": 9223372036854775808}", "line 1: too big integer");
	refuses("{\"backoff\": 5}", "\"backoff\": a time");
	refuses("{\"backoff\": \"5\"}", "\"backoff\": a time");
	refuses("{\"backoff_cap\": \"31d\"}", "\"backoff_cap\": a time");
	refuses("{\"backoff_factor\": \"2\"}", "\"backoff_factor\": a number from 1");
	refuses("{\"backoff_factor\": 0.5}", "\"backoff_factor\": a number from 1");
	refuses("{\"max_concurrent\": -1}", "\"max_concurrent\"");
	refuses("{\"stages\": []}", "\"stages\": a list of 1 to 16");
	refuses("{\"context\": [1]}", "\"context\": an object");
	refuses("{\"format\": \"xml\"}", "\"format\": \"xml\" is not one of: jsonl csv");
	refuses("{\"from\": \"d\"}", "\"from\": \"d\" is not one of: db");
}

static void too_large(void)
{
	struct job_file f;
	char *text = malloc(JOB_FILE_MAX + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, ' ', JOB_FILE_MAX + 1);
	memcpy(text, "{}", 2);
	CU_ASSERT_EQUAL(read_bytes(text, JOB_FILE_MAX + 1, &f), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "larger than"));
	CU_ASSERT_EQUAL_FATAL(read_bytes(text, JOB_FILE_MAX, &f), 0);
	job_file_release(&f);
	free(text);
}

static void no_file(void)
{
	struct job_file f;
	CU_ASSERT_EQUAL(job_file_read("/nonexistent.json", &f, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent.json: No such file"));
	CU_ASSERT_EQUAL(job_file_read("/", &f, &err), -1);
}

/* ---- stages ---- */

static void refuses_stages(const char *text, const char *part)
{
	struct job_file f;
	struct stages s = {.count = 0};
	CU_ASSERT_EQUAL_FATAL(read_bytes(text, strlen(text), &f), 0);
	CU_ASSERT_EQUAL(job_file_stages(&f, &s, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"stages\": stage 2: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part));
	stages_release(&s);
	job_file_release(&f);
}

static void faulty_stages(void)
{
	refuses_stages("{\"stages\": [\"a\", 1]}", "a text");
	refuses_stages("{\"stages\": [\"a\", \"B\"]}", "\"B\" is no stage");
	refuses_stages("{\"stages\": [\"a\", \"b.c.d\"]}", "\"b.c.d\" is no stage");
	refuses_stages("{\"stages\": [\"a\", \".c\"]}", "\".c\" is no stage");
	refuses_stages("{\"stages\": [\"a\", {\"step\": \"b\"}]}", "lacks \"kind\"");
	refuses_stages("{\"stages\": [\"a\", {\"kind\": \"b\", \"steps\": \"c\"}]}", "\"steps\"");
	refuses_stages("{\"stages\": [\"a\", {\"kind\": \"b\", \"context\": 1}]}", "an object");
	refuses_stages("{\"stages\": [\"a\", {\"kind\": \"b\", \"step\": null}]}", "a text");
	refuses_stages("{\"stages\": [\"a\", {\"kind\": \"b\", \"step\": \"\"}]}", "is no stage");
	refuses_stages("{\"stages\": [\"a\", {\"kind\": \"a.b\"}]}", "\"a.b\" is no stage");
	refuses_stages("{\"stages\": [\"a.b\", \"c.b\"]}", "are both called b");
	refuses_stages("{\"stages\": [\"a.b\", \"b\"]}", "are both called b");
}

static void too_many_stages(void)
{
	struct stages s = {.count = 0};
	char name[8];
	for (int i = 0; i < STAGES_MAX; i++) {
		snprintf(name, sizeof name, "a.s%d", i);
		CU_ASSERT_EQUAL(stages_add(&s, name, &err), 0);
	}
	CU_ASSERT_EQUAL(stages_add(&s, "b", &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at most 16 stages"));
	stages_release(&s);
}

static void contexts(void)
{
	static const char text[] = "{\"stages\": [\"a.one\", {\"kind\": \"b\", \"context\":"
				   " {\"x\": [1], \"z\": null}}]}";
	struct job_file f;
	struct stages s = {.count = 0};
	json_t *job = json_pack("{s:s, s:i}", "x", "job's", "y", 2);
	CU_ASSERT_EQUAL_FATAL(read_bytes(text, strlen(text), &f), 0);
	CU_ASSERT_EQUAL_FATAL(job_file_stages(&f, &s, &err), 0);
	CU_ASSERT_EQUAL_FATAL(stages_complete(&s, job, &err), 0);
	CU_ASSERT_STRING_EQUAL(s.list[0].context, "{\"x\":\"job's\",\"y\":2,\"step\":\"one\"}");
	CU_ASSERT_STRING_EQUAL(s.list[1].context, "{\"x\":[1],\"y\":2,\"z\":null}");
	json_object_set_new(job, "step", json_string("two"));
	CU_ASSERT_EQUAL(stages_complete(&s, job, &err), -1);
	json_decref(job);
	stages_release(&s);
	job_file_release(&f);
}

static void input_beside_the_file(void)
{
	static const char *const tries[][3] = {
		{"dir/job.json", "items.csv", "dir/items.csv"},
		{"job.json", "items.csv", "items.csv"},
		{"/a/b.json", "../c", "/a/../c"},
		{"dir/job.json", "/items.csv", "/items.csv"},
		{"dir/job.json", "-", "-"},
	};
	char out[32];
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		struct job_file f = {.path = tries[i][0], .input = tries[i][1]};
		CU_ASSERT_EQUAL(job_file_input(&f, out, sizeof out, &err), 0);
		CU_ASSERT_STRING_EQUAL(out, tries[i][2]);
		CU_ASSERT_EQUAL(job_file_input(&f, out, 1, &err), -1);
	}
}

void add_job_file_suite(void);

void add_job_file_suite(void)
{
	CU_pSuite s = CU_add_suite("job file", setup, cleanup);
	CU_add_test(s, "values", values);
	CU_add_test(s, "faults name file and key", faults);
	CU_add_test(s, "too large", too_large);
	CU_add_test(s, "no file", no_file);
	CU_add_test(s, "a byte order mark", a_byte_order_mark);
	CU_add_test(s, "no regular file", no_regular_file);
	CU_add_test(s, "faulty stages", faulty_stages);
	CU_add_test(s, "too many stages", too_many_stages);
	CU_add_test(s, "contexts of stages", contexts);
	CU_add_test(s, "the input lies beside the file", input_beside_the_file);
}
