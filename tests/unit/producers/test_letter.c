#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letter.h"

#define GOLDEN WEIR_SOURCE_DIR "/schemas/golden/"

static struct weir_text load(const char *name)
{
	static char data[65536];
	char path[512];
	snprintf(path, sizeof path, GOLDEN "%s", name);
	FILE *f = fopen(path, "rb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	size_t n = fread(data, 1, sizeof data, f);
	fclose(f);
	return (struct weir_text){data, n};
}

static json_t *json_of(const char *name, const char *type)
{
	json_error_t why;
	char *text = letter_json(load(name), type);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	json_t *json = json_loads(text, JSON_ALLOW_NUL, &why);
	free(text);
	return json;
}

static void messages_read_the_same_in_both_formats(void)
{
	static const char *const names[] = {"plain", "unicode", "duplicates", "integers"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char packed[64], plain[64];
		snprintf(packed, sizeof packed, "%s.msgpack", names[i]);
		snprintf(plain, sizeof plain, "%s.json", names[i]);
		json_t *one = json_of(packed, ""), *other = json_of(plain, "application/json; x");
		CU_ASSERT(json_equal(one, other));
		json_decref(one);
		json_decref(other);
	}
}

static void expect_shown(const char *body, size_t size, const char *type, const char *wanted)
{
	struct buffer b = BUFFER_INIT;
	letter_print_body((struct weir_text){body, size}, type, &b);
	CU_ASSERT_STRING_EQUAL(buffer_text(&b), wanted);
	buffer_release(&b);
}

static void other_bodies(void)
{
	expect_shown("", 0, "", "(empty)\n");
	expect_shown("hello\n\x1b[2J\x7f", 11, "text/plain", "hello\n\\x1b[2J\\x7f\n");
	expect_shown("caf\xc3\xa9 \xc2\x9b", 8, "text/plain", "caf\xc3\xa9 \\xc2\\x9b\n");
	expect_shown("[1,", 3, "application/json", "[1,\n");
	expect_shown("[\"\\u001b\"]", 10, "application/json", "[\n  \"\\u001B\"\n]\n");
	expect_shown("\x00\xff"
		     "A",
		     3, "", "00000000  00 ff 41                                         |..A|\n");
}

static bool is_safe(const struct buffer *b)
{
	for (size_t i = 0; i < b->size; i++) {
		unsigned char c = (unsigned char)b->data[i];
		if ((c < 0x20 && c != '\n') || c == 0x7F)
			return false;
		if (c == 0xC2 && i + 1 < b->size && (unsigned char)b->data[i + 1] < 0xA0)
			return false;
	}
	return true;
}

/* Whatever it is, it is bounded and steers no terminal. */
static void garbage(void)
{
	static char body[20000];
	struct buffer b = BUFFER_INIT;
	unsigned seed = 42;
	for (int round = 0; round < 2000; round++) {
		size_t size = (size_t)rand_r(&seed) % (round % 50 ? 200 : sizeof body);
		int range = round % 3 ? 256 : 128;
		for (size_t i = 0; i < size; i++)
			body[i] = (char)(rand_r(&seed) % range);
		buffer_reset(&b);
		letter_print_body((struct weir_text){body, size},
				  round % 2 ? "application/json" : "", &b);
		CU_ASSERT(is_safe(&b));
		CU_ASSERT(b.size < 6 * LETTER_SHOWN);
	}
	buffer_release(&b);
}

void add_letter_suite(void);

void add_letter_suite(void)
{
	CU_pSuite s = CU_add_suite("letter", NULL, NULL);
	CU_add_test(s, "messages read the same in both formats",
		    messages_read_the_same_in_both_formats);
	CU_add_test(s, "other bodies", other_bodies);
	CU_add_test(s, "garbage", garbage);
}
