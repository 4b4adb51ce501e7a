/* The exact bytes of binary parameters: PostgreSQL reads them without a second look. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "weir/ledger.h"

void add_params_suite(void);

static struct params p;

static void end(void) { params_release(&p); }

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

/* Parameter i has this type and exactly these bytes. */
static void has(int i, Oid type, const char *bytes, size_t size)
{
	CU_ASSERT_FATAL(i < p.count);
	CU_ASSERT_EQUAL(p.type[i], type);
	CU_ASSERT_EQUAL_FATAL((size_t)p.size[i], size);
	CU_ASSERT_FATAL(p.at[i] + size <= p.bytes.size);
	CU_ASSERT(memcmp(p.bytes.data + p.at[i], bytes, size) == 0);
}

#define HAS(i, type, bytes) has(i, type, bytes, sizeof(bytes) - 1)

static void integers(void)
{
	params_int(&p, 0x01020304);
	params_int(&p, INT32_MIN);
	params_int(&p, -1);
	params_big(&p, INT64_C(0x0102030405060708));
	params_big(&p, INT64_MIN);
	CU_ASSERT_EQUAL(p.count, 5);
	HAS(0, 23, "\1\2\3\4");
	HAS(1, 23, "\x80\0\0\0");
	HAS(2, 23, "\xFF\xFF\xFF\xFF");
	HAS(3, 20, "\1\2\3\4\5\6\7\x08");
	HAS(4, 20, "\x80\0\0\0\0\0\0\0");
}

static void booleans(void)
{
	params_bool(&p, true);
	params_bool(&p, false);
	HAS(0, 16, "\1");
	HAS(1, 16, "\0");
}

static void texts(void)
{
	params_text(&p, (struct weir_text){"a\0b and more", 3});
	params_string(&p, "gr\xC3\xBC\xC3\x9F");
	HAS(0, 25, "a\0b");
	HAS(1, 25, "gr\xC3\xBC\xC3\x9F");
}

/* NULL is size -1; what is empty is no NULL and has an address. */
static void null_is_not_empty(void)
{
	params_text(&p, (struct weir_text){NULL, 7});
	params_string(&p, NULL);
	CU_ASSERT_EQUAL(p.bytes.size, 0);
	params_text(&p, text_of(""));
	params_bytes(&p, NULL, 0);
	CU_ASSERT_EQUAL(p.count, 4);
	CU_ASSERT_EQUAL(p.size[0], -1);
	CU_ASSERT_EQUAL(p.type[0], 25);
	CU_ASSERT_EQUAL(p.size[1], -1);
	CU_ASSERT_EQUAL(p.size[2], 0);
	CU_ASSERT_EQUAL(p.type[2], 25);
	CU_ASSERT_EQUAL(p.size[3], 0);
	CU_ASSERT_PTR_NOT_NULL(p.bytes.data);
	CU_ASSERT(p.at[3] < p.bytes.room);
}

static void bytes(void)
{
	params_bytes(&p, "\0\xFF\0", 3);
	HAS(0, 17, "\0\xFF\0");
}

/* ---- arrays ---- */

/* Dimensions, may hold nulls, element type; then size and lower bound of the dimension. */
#define HEAD(type, n)                                                                              \
	"\0\0\0\1"                                                                                 \
	"\0\0\0\1"                                                                                 \
	"\0\0" type "\0\0\0" n "\0\0\0\1"

static void arrays_of_numbers(void)
{
	params_array(&p, TYPE_INT4, 2);
	params_add_int(&p, 258);
	params_add_int(&p, -2);
	params_array_end(&p);
	params_array(&p, TYPE_INT8, 1);
	params_add_big(&p, INT64_MAX);
	params_array_end(&p);
	params_array(&p, TYPE_FLOAT8, 2);
	params_add_real(&p, 1.0);
	params_add_real(&p, -2.5);
	params_array_end(&p);
	CU_ASSERT_EQUAL(p.count, 3);
	HAS(0, 1007,
	    HEAD("\0\x17", "\2") "\0\0\0\4\0\0\1\2"
				 "\0\0\0\4\xFF\xFF\xFF\xFE");
	HAS(1, 1016, HEAD("\0\x14", "\1") "\0\0\0\x08\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
	HAS(2, 1022,
	    HEAD("\x02\xBD", "\2") "\0\0\0\x08\x3F\xF0\0\0\0\0\0\0"
				   "\0\0\0\x08\xC0\x04\0\0\0\0\0\0");
}

static void array_of_texts(void)
{
	params_array(&p, TYPE_TEXT, 4);
	params_add_text(&p, text_of("ab"));
	params_add_text(&p, (struct weir_text){NULL, 3});
	params_add_text(&p, text_of(""));
	params_add_text(&p, (struct weir_text){"x\0y", 3});
	params_array_end(&p);
	HAS(0, 1009,
	    HEAD("\0\x19", "\4") "\0\0\0\2"
				 "ab"
				 "\xFF\xFF\xFF\xFF"
				 "\0\0\0\0"
				 "\0\0\0\3"
				 "x\0y");
}

/* An empty array has no dimension at all. */
static void empty_arrays(void)
{
	static const Oid types[][2] = {
		{TYPE_TEXT, 1009}, {TYPE_INT4, 1007}, {TYPE_INT8, 1016}, {TYPE_FLOAT8, 1022}};

	for (int i = 0; i < 4; i++) {
		char want[] = "\0\0\0\0\0\0\0\1\0\0\0\0";

		want[10] = (char)(types[i][0] >> 8);
		want[11] = (char)(types[i][0] & 0xFF);
		params_array(&p, types[i][0], 0);
		params_array_end(&p);
		has(i, types[i][1], want, 12);
	}
}

/* ---- many of them ---- */

/* Places are kept as offsets: what the buffer moves stays valid. */
static void sixteen_that_grow(void)
{
	char text[3000];

	for (int i = 0; i < PARAMS_MAX; i++) {
		memset(text, 'a' + i, sizeof(text));
		params_text(&p, (struct weir_text){text, sizeof(text) - (size_t)i});
	}
	CU_ASSERT_EQUAL(p.count, PARAMS_MAX);
	for (int i = 0; i < PARAMS_MAX; i++) {
		memset(text, 'a' + i, sizeof(text));
		has(i, TYPE_TEXT, text, sizeof(text) - (size_t)i);
	}
}

static void a_large_array(void)
{
	params_int(&p, 7);
	params_array(&p, TYPE_INT4, 100000);
	for (int i = 0; i < 100000; i++)
		params_add_int(&p, i);
	params_array_end(&p);
	params_int(&p, 9);
	CU_ASSERT_EQUAL(p.size[1], 20 + 100000 * 8);
	HAS(0, 23, "\0\0\0\7");
	CU_ASSERT(memcmp(p.bytes.data + p.at[1] + p.size[1] - 8, "\0\0\0\4\0\1\x86\x9F", 8) == 0);
	HAS(2, 23, "\0\0\0\x09");
}

static void used_again(void)
{
	params_string(&p, "the first statement");
	params_string(&p, NULL);
	params_reset(&p);
	CU_ASSERT_EQUAL(p.count, 0);
	CU_ASSERT_EQUAL(p.bytes.size, 0);
	params_int(&p, 1);
	params_string(&p, "x");
	CU_ASSERT_EQUAL(p.count, 2);
	HAS(0, 23, "\0\0\0\1");
	HAS(1, 25, "x");
	params_release(&p);
	CU_ASSERT_EQUAL(p.count, 0);
	params_bool(&p, true);
	HAS(0, 16, "\1");
}

/* A mistake of the program, not of its user: it ends at once, before memory is written to. */
static void one_too_many(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		for (int i = 0; i < PARAMS_MAX + 1; i++)
			params_int(&p, i);
		_exit(0);
	}
	CU_ASSERT_FATAL(pid > 0);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFSIGNALED(status));
	CU_ASSERT_EQUAL(WTERMSIG(status), SIGABRT);
}

static void add_everything(void)
{
	char text[500] = {0};

	params_text(&p, (struct weir_text){text, sizeof(text)});
	params_bytes(&p, text, sizeof(text));
	params_array(&p, TYPE_TEXT, 2);
	params_add_text(&p, (struct weir_text){text, sizeof(text)});
	params_add_text(&p, (struct weir_text){NULL, 0});
	params_array_end(&p);
	params_big(&p, 1);
}

static void remembers_each_failed_allocation(void)
{
	bool failed = true;

	for (long n = 1; failed && n < 100; n++) {
		failing_malloc_arm(n);
		add_everything();
		failed = failing_malloc_disarm();
		CU_ASSERT_EQUAL(p.count, 4);
		CU_ASSERT_EQUAL(buffer_failed(&p.bytes), failed);
		params_release(&p);
	}
	CU_ASSERT_FALSE(failed);
}

void add_params_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("params", NULL, NULL, NULL, end);

	CU_ADD_TEST(suite, integers);
	CU_ADD_TEST(suite, booleans);
	CU_ADD_TEST(suite, texts);
	CU_ADD_TEST(suite, null_is_not_empty);
	CU_ADD_TEST(suite, bytes);
	CU_ADD_TEST(suite, arrays_of_numbers);
	CU_ADD_TEST(suite, array_of_texts);
	CU_ADD_TEST(suite, empty_arrays);
	CU_ADD_TEST(suite, sixteen_that_grow);
	CU_ADD_TEST(suite, a_large_array);
	CU_ADD_TEST(suite, used_again);
	CU_ADD_TEST(suite, one_too_many);
	CU_ADD_TEST(suite, remembers_each_failed_allocation);
}
