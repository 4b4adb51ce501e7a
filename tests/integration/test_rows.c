/* Items of several rows, from CSV, and from JSON files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define ROWS LOGS "/rows.csv"
#define SKIPPED LOGS "/rows.skipped.csv"
#define FOLDER LOGS "/invoices"
#define HEADER "custom_id,vendor,date,item,price\n"

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (!EXPECT(f != NULL, "cannot write %s", path))
		return;
	fputs(text, f);
	EXPECT(fclose(f) == 0, "%s was not written", path);
}

static const struct outcome *submit(const char *path, const char *option, const char *value)
{
	return run(NULL, "weir", "submit", "lines", path, "--job", "rows", "--batch-size", "2",
		   option, value, NULL);
}

static void expect_submitted(const char *path, const char *items)
{
	const struct outcome *o = submit(path, NULL, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, items);
}

static void expect_payload(const char *id, const char *wanted)
{
	const char *payload =
		sql_text("SELECT payload::text FROM weir.items WHERE custom_id = '%s'", id);
	EXPECT(strcmp(payload, wanted) == 0, "%s: %s", id, payload);
}

static void expect_refused(int status, const char *words)
{
	const struct outcome *o = submit(ROWS, NULL, NULL);
	EXPECT_INT(o->status, status);
	EXPECT_PART(o->err, words);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NOT NULL"), 0);
}

/* ---- CSV ---- */

static void rows_are_items(void)
{
	write_file(ROWS, HEADER "a,V,2024-01-01,Salt,1.10\na,,,Rice,2.00\nb,W,,,\n");
	expect_submitted(ROWS, "2 items");
	expect_payload("a", "{\"invoice\":{\"vendor\":\"V\",\"date\":\"2024-01-01\"},"
			    "\"line_items\":[{\"item\":\"Salt\",\"price\":\"1.10\"},"
			    "{\"item\":\"Rice\",\"price\":\"2.00\"}]}");
	expect_payload("b", "{\"invoice\":{\"vendor\":\"W\"},\"line_items\":[{}]}");
	EXPECT_PART(submit(ROWS, NULL, NULL)->out, "were there already");
	EXPECT_INT(rename(ROWS, LOGS "/ROWS.CSV"), 0);
	EXPECT_PART(submit(LOGS "/ROWS.CSV", NULL, NULL)->out, "were there already");
}

/* A kind without rows takes each for itself, as ever. */
static void rows_of_another_kind(void)
{
	write_file(ROWS, "custom_id,vendor\na,V\na,V\n");
	const struct outcome *o = run(NULL, "weir", "submit", "pass", ROWS, "--job", "p", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 3: custom_id a stands on line 2 already");
	EXPECT(!strstr(o->err, "follow each other"), "it speaks of rows: %s", o->err);
}

static void refused(void)
{
	write_file(ROWS, HEADER "a,V,1,x,1\na,V,2,y,1\n");
	expect_refused(1, "line 3: date differs from that of line 2");
	write_file(ROWS, HEADER "a,V,1,x,1\na,V,1,y\n");
	expect_refused(1, "line 3: 4 fields, where the header has 5 columns; it may be a row of a, "
			  "which begins on line 2");
	write_file(ROWS, HEADER "a,V,1,x,1\nb,,1,y,2\nb,,1,y,2\n");
	expect_refused(1, "line 3: the invoice lacks vendor");
}

/* Rows that are not in the order of their ids, in one batch and in two. */
static void rows_in_disorder(void)
{
	write_file(ROWS, HEADER "a,V,1,x,1\nb,V,1,x,1\na,V,1,y,1\n");
	for (int size = 1; size <= 100; size += 99) {
		char text[8];
		snprintf(text, sizeof text, "%d", size);
		const struct outcome *o = run(NULL, "weir", "submit", "lines", ROWS, "--job", text,
					      "--batch-size", text, NULL);
		EXPECT_INT(o->status, 1);
		EXPECT_PART(o->err, "line 4: custom_id a stands on line 2 already; the rows of a "
				    "record have to follow each other");
	}
}

static void expect_file(const char *path, const char *wanted)
{
	char text[4096] = "";
	FILE *f = fopen(path, "r");
	if (f) {
		text[fread(text, 1, sizeof text - 1, f)] = '\0';
		fclose(f);
	}
	EXPECT(strcmp(text, wanted) == 0, "%s: %s", path, text);
}

static const char spoilt[] = HEADER "a,V,1,x,1\na,V,1,y,2\n"
				    "b,V,1,x,1\nb,V,2,y,2\n"	      /* another date */
				    "c,V,1,x,1\nc,V,1,y,2\nc,V,1,z\n" /* a field too few */
				    "d,V,1,x,1\nd,V,1,y,2\n"
				    "e,V,1,x,1\n"
				    "f,,1,x,1\nf,,1,y,2\n"; /* no vendor */

/* All of it is in the file of bad records, which is mended and submitted as it is. */
/* As other systems write it. */
static void a_name_in_capitals(void)
{
	write_file(LOGS "/ROWS.CSV", HEADER "a,V,1,x,1\na,V,1,y,2\n");
	EXPECT_PART(submit(LOGS "/ROWS.CSV", NULL, NULL)->out, "1 items");
}

static void bad_rows_are_skipped(void)
{
	write_file(ROWS, spoilt);
	const struct outcome *o = submit(ROWS, "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "skipped     5 bad records");
	EXPECT(strcmp(sql_text("SELECT string_agg(custom_id, ' ' ORDER BY ordinal)"
			       " FROM weir.items"),
		      "a e") == 0,
	       "items: %s", sql_text("SELECT string_agg(custom_id, ' ') FROM weir.items"));
	expect_file(SKIPPED,
		    HEADER "b,V,1,x,1\nb,V,2,y,2\nc,V,1,x,1\nc,V,1,y,2\nc,V,1,z\nd,V,1,x,1\n"
			   "d,V,1,y,2\nf,,1,x,1\nf,,1,y,2\n");
	run(NULL, "/bin/sed", "-i", "s/^b,V,2/b,V,1/; s/,z$/,z,3/; s/^f,,/f,V,/", SKIPPED, NULL);
	o = run(NULL, "weir", "submit", "lines", SKIPPED, "--job", "mended", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "4 items");
	EXPECT_INT(sql("SELECT sum(json_array_length(payload->'line_items')) FROM weir.items"
		       " WHERE custom_id <> 'e'"),
		   2 + 2 + 3 + 2 + 2);
}

/* Neither half of a record is submitted without the other. */
static void halves_are_no_records(void)
{
	write_file(ROWS, HEADER "a,,1,x,1\nb,V,1,x,1\na,V,1,y,2\nc,V,1,x,1\n");
	const struct outcome *o = submit(ROWS, "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "skipped     2 bad records");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items WHERE custom_id IN ('b', 'c')"), 2);
	expect_file(SKIPPED, HEADER "a,,1,x,1\na,V,1,y,2\n");
}

static void halves_are_never_skipped(void)
{
	static const char *const files[] = {
		HEADER "a,V,1,x,1\nb,V,1,x,1\na,V,1,y,2\n",
		HEADER "a,V,1,x,1\nb,V,1,x,1\nc,V,1,x,1\nd,V,1,x,1\ne,V,1,x,1\na,V,1,y,2\n",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		write_file(ROWS, files[i]);
		const struct outcome *o =
			run(NULL, "weir", "submit", "lines", ROWS, "--job", i ? "many" : "few",
			    "--batch-size", i ? "2" : "9", "--skip-bad", SKIPPED, NULL);
		EXPECT_INT(o->status, 1);
		EXPECT_PART(o->err, "custom_id a stands on line 2 already; the rows of a record "
				    "have to follow each other");
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NOT NULL"), 0);
}

static void nothing_is_bad(void)
{
	write_file(ROWS, HEADER "a,V,1,x,1\n");
	EXPECT_INT(submit(ROWS, "--skip-bad", SKIPPED)->status, 0);
	expect_file(SKIPPED, "");
}

/* ---- many rows ---- */

static void write_rows(int items, int rows)
{
	FILE *f = fopen(ROWS, "w");
	if (!EXPECT(f != NULL, "cannot write " ROWS))
		return;
	fputs("custom_id,vendor,date,item_number,description,quantity,unit_price,pack,category\n",
	      f);
	for (int i = 0; i < items; i++)
		for (int n = 0; n < rows; n++)
			fprintf(f,
				"inv_%d,Acme Foods,2024-01-31,A%d,Tomatoes,%d,12.%02d,4/1 GAL,"
				"dry\n",
				i, n, n % 7, n % 100);
	EXPECT(fclose(f) == 0, ROWS " was not written");
}

static void one_item_of_5000_rows(void)
{
	write_rows(1, 5000);
	expect_submitted(ROWS, "1 items");
	EXPECT_INT(sql("SELECT json_array_length(payload->'line_items') FROM weir.items"), 5000);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "lines", NULL);
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL FROM weir.jobs");
	stop_all();
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'success'"), 1);
}

static void too_many_rows(void)
{
	write_rows(1, 20000);
	const struct outcome *o = submit(ROWS, NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 2: the rows of inv_0 are too long together");
}

/* Kilobytes that a submit of so many items of 20 rows takes. */
static long peak_of(int items)
{
	char job[16];
	write_rows(items, 20);
	snprintf(job, sizeof job, "%d", items);
	const struct outcome *o =
		run(NULL, WEIR_BUILD_DIR "/bin/bench_peak", WEIR_BUILD_DIR "/bin/weir", "submit",
		    "lines", ROWS, "--job", job, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs WHERE job_id = '%s'", job), items);
	const char *end = o->err + strlen(o->err);
	while (end > o->err && (end[-1] == '\n' || (end[-1] >= '0' && end[-1] <= '9')))
		end--;
	return strtol(end, NULL, 10);
}

/* 20 MB of rows more, and not their memory. Sanitizers keep what was freed: less of it here. */
static void rows_in_bounded_memory(void)
{
	program_env("ASAN_OPTIONS", "quarantine_size_mb=1:malloc_context_size=1");
	long few = peak_of(1500), many = peak_of(15000);
	program_env("ASAN_OPTIONS", NULL);
	EXPECT(few > 0 && many < few + 8192, "%ld kB for 30,000 rows, %ld kB for 300,000", few,
	       many);
}

/* ---- JSON files ---- */

static void make_folder(void)
{
	EXPECT_INT(run(NULL, "/bin/rm", "-rf", FOLDER, NULL)->status, 0);
	mkdir(FOLDER, 0777);
	mkdir(FOLDER "/more", 0777);
	write_file(FOLDER "/i-1.json", "{\n  \"invoice\": {\"vendor\": \"V\"},\n"
				       "  \"line_items\": [ {\"price\": 12.10} ]\n}\n");
	write_file(FOLDER "/more/2.json", "{\"custom_id\":\"i_2\",\"invoice\":{\"vendor\":\"V\"}}");
	write_file(FOLDER "/notes.txt", "no record");
}

static void a_folder_of_json(void)
{
	make_folder();
	expect_submitted(FOLDER, "2 items");
	expect_payload("i-1", "{\"invoice\":{\"vendor\": \"V\"},"
			      "\"line_items\":[ {\"price\": 12.10} ]}");
	EXPECT_INT(sql("SELECT count(*) FROM batch_mapping WHERE table_name = 'file'"
		       " AND record_id IN ('i-1.json', 'more/2.json')"),
		   2);
	EXPECT_PART(submit(FOLDER, NULL, NULL)->out, "were there already");
}

static void files_of_json(void)
{
	make_folder();
	const struct outcome *o = run(NULL, "weir", "submit", "lines", FOLDER "/more",
				      FOLDER "/i-1.json", "--job", "two", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "2 items");
	expect_submitted(FOLDER "/more/2.json", "1 items");
	o = run(NULL, "weir", "submit", "lines", FOLDER "/i-1.json", FOLDER "/notes.txt", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "notes.txt: by its name that is no JSON (--format json takes it for "
			    "it)");
	o = run(NULL, "weir", "submit", "lines", "--format", "json", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "where are the JSON files?");
	o = run(NULL, "weir", "submit", "lines", FOLDER "/none.json", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "none.json: No such file");
}

static void faulty_files(void)
{
	make_folder();
	write_file(FOLDER "/a.json", "{\"custom_id\":\"i_2\",\"invoice\":{\"vendor\":\"V\"}}");
	const struct outcome *o =
		run(NULL, "weir", "submit", "lines", FOLDER, "--job", "twice", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "more/2.json: file a.json has the custom_id i_2 already");
	write_file(FOLDER "/a.json", "[]");
	write_file(FOLDER "/b.json", "{\"invoice\":{}}");
	EXPECT_PART(submit(FOLDER, NULL, NULL)->err, "no items in " FOLDER "/a.json");
	EXPECT_PART(submit(FOLDER, "--skip-bad", FOLDER "/bad.json")->err, "that is the input");
	o = submit(FOLDER, "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "2 items");
	expect_file(SKIPPED, FOLDER "/a.json\n" FOLDER "/b.json\n");
}

/* A folder is what is in it. */
static void what_a_folder_is(void)
{
	make_folder();
	write_file(FOLDER "/more/x.md", "text");
	const struct outcome *o = submit(FOLDER, NULL, NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "files of several formats are in it (1 Markdown, 2 JSON)");
	EXPECT_PART(submit(FOLDER, "--format", "json")->out, "2 items");
	EXPECT_PART(run(NULL, "weir", "submit", "pass", FOLDER, "--job", "p", NULL)->out,
		    "1 items"); /* documents, where items have no rows */
	unlink(FOLDER "/more/x.md");
	EXPECT_PART(run(NULL, "weir", "submit", "pass", FOLDER, "--job", "q", NULL)->out,
		    "2 items");
	unlink(FOLDER "/i-1.json");
	unlink(FOLDER "/more/2.json");
	o = submit(FOLDER, NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err,
		    "no items in " FOLDER ": there is no file in it whose name ends in .md");
	o = submit(FOLDER, "--format", "xml");
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "format xml: jsonl, csv, json or markdown");
}

void add_rows_suite(void);

void add_rows_suite(void)
{
	CU_pSuite s = WORLD_SUITE("rows");
	CU_add_test(s, "CSV rows of a custom_id are an item", rows_are_items);
	CU_add_test(s, "of another kind, each is one", rows_of_another_kind);
	CU_add_test(s, "what is refused", refused);
	CU_add_test(s, "rows in disorder", rows_in_disorder);
	CU_add_test(s, "a name in capitals", a_name_in_capitals);
	CU_add_test(s, "bad rows are skipped, mended and submitted", bad_rows_are_skipped);
	CU_add_test(s, "halves of an item are not submitted", halves_are_no_records);
	CU_add_test(s, "halves of an item are never skipped", halves_are_never_skipped);
	CU_add_test(s, "nothing is bad", nothing_is_bad);
	CU_add_test(s, "an item of 5,000 rows", one_item_of_5000_rows);
	CU_add_test(s, "an item of too many rows", too_many_rows);
	CU_add_test(s, "300,000 rows in bounded memory", rows_in_bounded_memory);
	CU_add_test(s, "a folder of JSON files", a_folder_of_json);
	CU_add_test(s, "JSON files by name", files_of_json);
	CU_add_test(s, "JSON files that are faulty", faulty_files);
	CU_add_test(s, "what a folder is", what_a_folder_is);
}
