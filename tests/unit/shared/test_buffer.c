#include <CUnit/CUnit.h>
#include <stdint.h>
#include <string.h>

#include "failing_malloc.h"
#include "weir/buffer.h"

void add_buffer_suite(void);

static void starts_empty(void)
{
	struct buffer b = BUFFER_INIT;

	CU_ASSERT_EQUAL(b.size, 0);
	CU_ASSERT_STRING_EQUAL(buffer_text(&b), "");
	buffer_release(&b);
	CU_ASSERT_PTR_NULL(b.data);
	buffer_release(&b);
}

static void grows(void)
{
	struct buffer b = BUFFER_INIT;

	for (int i = 0; i < 100000; i++)
		buffer_add_char(&b, (char)('a' + i % 26));
	CU_ASSERT_EQUAL_FATAL(b.size, 100000);
	CU_ASSERT(b.room < 2 * 100000 + 64);
	for (int i = 0; i < 100000; i++)
		CU_ASSERT_FATAL(b.data[i] == (char)('a' + i % 26));
	buffer_release(&b);
}

static void adds_bytes_and_texts(void)
{
	struct buffer b = BUFFER_INIT;

	buffer_add(&b, "a\0b", 3);
	buffer_add(&b, NULL, 0);
	buffer_add_text(&b, "cd");
	CU_ASSERT_EQUAL(b.size, 5);
	CU_ASSERT(memcmp(b.data, "a\0bcd", 5) == 0);
	buffer_release(&b);
}

static void reset_keeps_the_memory(void)
{
	struct buffer b = BUFFER_INIT;
	const char *data;

	buffer_add_text(&b, "hello");
	data = b.data;
	buffer_reset(&b);
	CU_ASSERT_EQUAL(b.size, 0);
	buffer_add_text(&b, "you");
	CU_ASSERT_PTR_EQUAL(b.data, data);
	CU_ASSERT_STRING_EQUAL(buffer_text(&b), "you");
	buffer_release(&b);
}

static void reserves_exactly(void)
{
	struct buffer b = BUFFER_INIT;
	char *to = buffer_reserve(&b, 1000);

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	CU_ASSERT(b.room >= 1000);
	memset(to, 'x', 1000);
	b.size += 1000;
	CU_ASSERT_EQUAL(strlen(buffer_text(&b)), 1000);
	buffer_release(&b);
}

static void refuses_overflow(void)
{
	struct buffer b = BUFFER_INIT;

	buffer_add_text(&b, "kept");
	CU_ASSERT_PTR_NULL(buffer_reserve(&b, SIZE_MAX));
	CU_ASSERT(buffer_failed(&b));
	buffer_reset(&b);
	CU_ASSERT_PTR_NULL(buffer_reserve(&b, SIZE_MAX / 2 + 1));
	buffer_add_text(&b, "ignored");
	CU_ASSERT_EQUAL(b.size, 0);
	CU_ASSERT_PTR_NULL(buffer_text(&b));
	buffer_reset(&b);
	buffer_add_text(&b, "fine");
	CU_ASSERT_STRING_EQUAL(buffer_text(&b), "fine");
	buffer_release(&b);
}

static void prints(void)
{
	struct buffer b = BUFFER_INIT;

	buffer_printf(&b, "%s=%d", "a", 1);
	buffer_printf(&b, " %0200d", 7);
	CU_ASSERT_EQUAL(b.size, 204);
	CU_ASSERT(strncmp(buffer_text(&b), "a=1 000", 7) == 0);
	CU_ASSERT_EQUAL(b.data[203], '7');
	buffer_release(&b);
}

/* All lengths around the edge of the room. */
static void prints_at_the_edge(void)
{
	for (int n = 1; n < 200; n++) {
		struct buffer b = BUFFER_INIT;

		buffer_printf(&b, "%0*d", n, 0);
		buffer_printf(&b, "%s", "end");
		CU_ASSERT_EQUAL_FATAL(b.size, (size_t)n + 3);
		CU_ASSERT_STRING_EQUAL_FATAL(buffer_text(&b) + n, "end");
		buffer_release(&b);
	}
}

static void writes_big_endian(void)
{
	static const char want[] = "\x12\x34\x89\xAB\xCD\xEF\x01\x23\x45\x67\x89\xAB\xCD\xEF";
	struct buffer b = BUFFER_INIT;

	buffer_add_be16(&b, 0x1234);
	buffer_add_be32(&b, 0);
	buffer_add_be64(&b, UINT64_C(0x0123456789ABCDEF));
	buffer_put_be32(&b, 2, UINT32_C(0x89ABCDEF));
	CU_ASSERT_EQUAL_FATAL(b.size, 14);
	CU_ASSERT(memcmp(b.data, want, 14) == 0);
	buffer_put_be32(&b, 11, 0);
	buffer_put_be32(&b, SIZE_MAX, 0);
	CU_ASSERT(memcmp(b.data, want, 14) == 0);
	buffer_release(&b);
}

static void check_json(const char *text, size_t size, const char *want)
{
	struct buffer b = BUFFER_INIT;

	buffer_add_json(&b, (struct weir_text){text, size});
	CU_ASSERT_STRING_EQUAL(buffer_text(&b), want);
	buffer_release(&b);
}

static void writes_json(void)
{
	check_json("", 0, "\"\"");
	check_json(NULL, 0, "null");
	check_json("plain", 5, "\"plain\"");
	check_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	check_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
	check_json("a\0\x1F\x7F", 4, "\"a\\u0000\\u001f\x7F\"");
	check_json("\xC3\xA4\xF0\x9F\x91\x8D", 6, "\"\xC3\xA4\xF0\x9F\x91\x8D\"");
}

#define LOST "\xEF\xBF\xBD"

static void writes_json_of_bad_utf8(void)
{
	check_json("a\xFFz", 3, "\"a" LOST "z\"");
	check_json("\xC0\x80", 2, "\"" LOST LOST "\"");
	check_json("\xED\xA0\x80", 3, "\"" LOST LOST LOST "\"");
	check_json("x\xE2\x82", 3, "\"x" LOST LOST "\"");
}

static void add_everything(struct buffer *b)
{
	for (int i = 0; i < 40; i++) {
		buffer_add_text(b, "text");
		buffer_printf(b, "%d %0*d", i, i, 0);
		buffer_add_json(b, (struct weir_text){"j\"s\n", 4});
		buffer_add_be64(b, 1);
		buffer_put_be32(b, b->size > 4 ? b->size - 4 : 0, 2);
	}
}

static void remembers_each_failed_allocation(void)
{
	bool failed = true;

	for (long n = 1; failed && n < 100; n++) {
		struct buffer b = BUFFER_INIT;

		failing_malloc_arm(n);
		add_everything(&b);
		failed = failing_malloc_disarm();
		CU_ASSERT_EQUAL(buffer_failed(&b), failed);
		CU_ASSERT_EQUAL(buffer_text(&b) == NULL, failed);
		buffer_release(&b);
		CU_ASSERT_FALSE(buffer_failed(&b));
	}
	CU_ASSERT_FALSE(failed);
}

void add_buffer_suite(void)
{
	CU_pSuite suite = CU_add_suite("buffer", NULL, NULL);

	CU_ADD_TEST(suite, starts_empty);
	CU_ADD_TEST(suite, grows);
	CU_ADD_TEST(suite, adds_bytes_and_texts);
	CU_ADD_TEST(suite, reset_keeps_the_memory);
	CU_ADD_TEST(suite, reserves_exactly);
	CU_ADD_TEST(suite, refuses_overflow);
	CU_ADD_TEST(suite, prints);
	CU_ADD_TEST(suite, prints_at_the_edge);
	CU_ADD_TEST(suite, writes_big_endian);
	CU_ADD_TEST(suite, writes_json);
	CU_ADD_TEST(suite, writes_json_of_bad_utf8);
	CU_ADD_TEST(suite, remembers_each_failed_allocation);
}
