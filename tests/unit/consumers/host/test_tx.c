/* What a plugin's store() may say: statements that are malformed are refused before anything is
 * sent. There is no database here: the queue of statements, which is asked before each sending, is
 * full from the start. */
#include <CUnit/CUnit.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "tx.h"

void add_tx_suite(void);

static struct params scratch;
static struct weir_error err;
static struct tx_statement queued; /* the last one */
static int times;

static int full(void *owner, const struct tx_statement *statement)
{
	CU_ASSERT_PTR_EQUAL(owner, &times);
	queued = *statement;
	times++;
	return -1;
}

static struct weir_tx tx = {
	.params = &scratch, .first = 30, .count = 3, .queued = full, .owner = &times};

static void begin(void)
{
	times = 0;
	memset(&err, 0, sizeof(err));
	memset(&queued, 0, sizeof(queued));
}

static void end(void) { params_release(&scratch); }

/* ---- columns ---- */

static const int32_t positions[] = {0, 1, -2};
static const int64_t big[] = {1, INT64_MAX, -1};
static const double real[] = {0.5, -1.0, 2.0};
static const struct weir_text text[] = {{"one", 3}, {NULL, 0}, {"", 0}};

static const void *values_of(enum weir_column_type type)
{
	switch (type) {
	case WEIR_INT4:
		return positions;
	case WEIR_INT8:
		return big;
	case WEIR_FLOAT8:
		return real;
	default:
		return text;
	}
}

static struct weir_statement statement(const struct weir_column *columns, size_t n)
{
	return (struct weir_statement){
		.sql = "INSERT", .columns = columns, .column_count = n, .count = 3};
}

static void refused(const struct weir_statement *s, const char *words)
{
	begin();
	CU_ASSERT_EQUAL(tx_exec(&tx, s, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_statement");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	CU_ASSERT_EQUAL(times, 0);
}

/* It has come as far as the queue. */
static void accepted(const struct weir_statement *s)
{
	begin();
	CU_ASSERT_EQUAL(tx_exec(&tx, s, &err), -1);
	CU_ASSERT_EQUAL(times, 1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_statement");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "too many statements"));
}

static void no_sql(void)
{
	struct weir_statement s = statement(NULL, 0);

	accepted(&s);
	s.sql = NULL;
	refused(&s, "no SQL");
}

static void unknown_column_types(void)
{
	for (int type = -1; type <= WEIR_JSON + 2; type++) {
		struct weir_column columns[] = {{WEIR_TEXT, text},
						{(enum weir_column_type)type, values_of(type)}};
		struct weir_statement s = statement(columns, 2);

		if (type >= WEIR_INT4 && type <= WEIR_JSON)
			accepted(&s);
		else
			refused(&s, "column 1");
	}
}

static void too_many_columns(void)
{
	struct weir_column columns[PARAMS_MAX + 1] = {{WEIR_INT8, big}};
	struct weir_statement s = statement(columns, PARAMS_MAX);

	for (int i = 1; i <= PARAMS_MAX; i++)
		columns[i] = (struct weir_column){WEIR_INT8, big};
	accepted(&s);
	CU_ASSERT_EQUAL(scratch.count, PARAMS_MAX);
	s.column_count++;
	refused(&s, "columns");
	s.column_count = SIZE_MAX;
	refused(&s, "columns");
}

static void positions_come_first(void)
{
	struct weir_column columns[] = {{WEIR_INT8, big}, {WEIR_INT4, positions}};
	struct weir_statement s = statement(columns, 2);

	s.missing_code = "no_row";
	refused(&s, "first column");
	columns[0] = (struct weir_column){WEIR_TEXT, text};
	refused(&s, "first column");
	columns[0] = (struct weir_column){WEIR_INT4, positions};
	accepted(&s);
	s.column_count = 0;
	refused(&s, "first column");
	s.missing_code = NULL;
	accepted(&s);
}

/* The host wraps what is accounted for into SQL of its own. */
static void sql_that_is_too_long(void)
{
	static char sql[20000];
	struct weir_column columns[] = {{WEIR_INT4, positions}};
	struct weir_statement s = statement(columns, 1);

	s.sql = sql;
	s.missing_code = "no_row";
	memset(sql, ' ', 8092);
	accepted(&s);
	memset(sql, ' ', 8192);
	refused(&s, "bytes with what the host adds");
	memset(sql, ' ', sizeof(sql) - 1);
	refused(&s, "bytes with what the host adds");
	s.missing_code = NULL;
	accepted(&s);
}

/* ---- what is queued ---- */

static void what_is_remembered(void)
{
	struct weir_column columns[] = {{WEIR_INT4, positions}};
	struct weir_statement s = statement(columns, 1);

	accepted(&s);
	CU_ASSERT_FALSE(queued.each);
	CU_ASSERT_EQUAL(queued.first, 30);
	CU_ASSERT_EQUAL(queued.count, 3);
	s.missing_code = "no_row";
	accepted(&s);
	CU_ASSERT_TRUE(queued.each);
	CU_ASSERT_STRING_EQUAL(queued.missing_code, "no_row");
	CU_ASSERT_STRING_EQUAL(queued.missing_text, "no_row");
	s.missing_text = "there is no such article";
	accepted(&s);
	CU_ASSERT_STRING_EQUAL(queued.missing_code, "no_row");
	CU_ASSERT_STRING_EQUAL(queued.missing_text, "there is no such article");
}

static uint32_t number_at(int i, size_t at)
{
	uint32_t v;

	memcpy(&v, scratch.bytes.data + scratch.at[i] + at, sizeof(v));
	return be32toh(v);
}

/* Each column is one array of `count` elements. Numbers, dates and JSON travel as text. */
static void columns_become_arrays(void)
{
	static const Oid wanted[][2] = {{1007, 23}, {1016, 20}, {1022, 701}, {1009, 25},
					{1009, 25}, {1009, 25}, {1009, 25}};
	struct weir_column columns[7] = {{WEIR_INT4, positions}};
	struct weir_statement s = statement(columns, 7);

	for (int i = 1; i < 7; i++)
		columns[i] =
			(struct weir_column){(enum weir_column_type)(WEIR_INT4 + i),
					     values_of((enum weir_column_type)(WEIR_INT4 + i))};
	accepted(&s);
	CU_ASSERT_EQUAL_FATAL(scratch.count, 7);
	for (int i = 0; i < 7; i++) {
		CU_ASSERT_EQUAL(scratch.type[i], wanted[i][0]);
		CU_ASSERT_EQUAL(number_at(i, 8), wanted[i][1]);
		CU_ASSERT_EQUAL(number_at(i, 12), 3);
	}
	CU_ASSERT_EQUAL(number_at(0, 20 + 16 + 4), (uint32_t)-2);
	CU_ASSERT_EQUAL(scratch.size[1], 20 + 3 * 12);
	CU_ASSERT_EQUAL(number_at(2, 24), 0x3FE00000);
	CU_ASSERT_EQUAL(number_at(3, 20), 3);
	CU_ASSERT_EQUAL(number_at(3, 27), UINT32_MAX); /* NULL */
	CU_ASSERT_EQUAL(number_at(3, 31), 0);
}

/* ---- results that the database makes ---- */

static const struct weir_item items[] = {
	{.job_id = {"a", 1}, .stage = 1, .ordinal = 70000},
	{.job_id = {"a", 1}, .stage = 2, .ordinal = 5},
	{.job_id = {"long", 4}, .stage = 1, .ordinal = 0},
};
static const struct weir_result claimed[] = {
	{.item = &items[0]}, {.item = &items[1]}, {.item = &items[2]}};

static void refused_results(const struct weir_statement *s, const char *words)
{
	begin();
	CU_ASSERT_EQUAL(tx_results(&tx, s, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_statement");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
}

static void malformed_results(void)
{
	static char sql[8000];
	char most[32];
	struct weir_column columns[PARAMS_MAX] = {{WEIR_INT4, positions}};
	struct weir_statement s = statement(columns, 1);

	tx.results = claimed;
	refused_results(&s, "missing_code");
	s.missing_code = "no_row";
	refused_results(&s, "too many statements");
	columns[0].type = WEIR_INT8;
	refused_results(&s, "first column");
	columns[0].type = WEIR_INT4;
	for (int i = 1; i < PARAMS_MAX; i++)
		columns[i] = (struct weir_column){WEIR_INT8, big};
	s.column_count = PARAMS_MAX - 3;
	refused_results(&s, "too many statements");
	s.column_count++;
	snprintf(most, sizeof(most), "more than %d columns", PARAMS_MAX - 3);
	refused_results(&s, most);
	s.column_count = 1;
	s.sql = memset(sql, ' ', sizeof(sql) - 1);
	refused_results(&s, "bytes with what the host adds");
}

/* One element for each result of store(), whatever the statement's own count is. */
static void keys_follow_the_columns(void)
{
	struct weir_column columns[] = {{WEIR_INT4, positions}, {WEIR_TEXT, text}};
	struct weir_statement s = statement(columns, 2);

	tx.results = claimed;
	s.missing_code = "no_row";
	s.count = 1;
	refused_results(&s, "too many statements");
	CU_ASSERT_EQUAL(times, 1);
	CU_ASSERT_EQUAL_FATAL(scratch.count, 5);
	CU_ASSERT_EQUAL(number_at(1, 12), 1);
	for (int i = 2; i < 5; i++)
		CU_ASSERT_EQUAL(number_at(i, 12), 3);
	CU_ASSERT_EQUAL(scratch.type[2], 1009);
	CU_ASSERT_EQUAL(memcmp(scratch.bytes.data + scratch.at[2] + 20 + 2 * 5 + 4, "long", 4), 0);
	CU_ASSERT_EQUAL(number_at(3, 20 + 8 + 4), 2);
	CU_ASSERT_EQUAL(number_at(4, 20 + 4), 70000);
}

static void no_rows(void)
{
	struct weir_column columns[] = {{WEIR_INT4, NULL}, {WEIR_TEXT, NULL}};
	struct weir_statement s = statement(columns, 2);

	s.count = 0;
	accepted(&s);
	CU_ASSERT_EQUAL_FATAL(scratch.count, 2);
	CU_ASSERT_EQUAL(scratch.size[0], 12);
	CU_ASSERT_EQUAL(number_at(0, 0), 0);
}

void add_tx_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("tx", NULL, NULL, begin, end);

	CU_ADD_TEST(suite, no_sql);
	CU_ADD_TEST(suite, unknown_column_types);
	CU_ADD_TEST(suite, too_many_columns);
	CU_ADD_TEST(suite, positions_come_first);
	CU_ADD_TEST(suite, sql_that_is_too_long);
	CU_ADD_TEST(suite, what_is_remembered);
	CU_ADD_TEST(suite, columns_become_arrays);
	CU_ADD_TEST(suite, no_rows);
	CU_ADD_TEST(suite, malformed_results);
	CU_ADD_TEST(suite, keys_follow_the_columns);
}
