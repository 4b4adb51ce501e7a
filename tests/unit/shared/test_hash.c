#include <CUnit/CUnit.h>
#include <string.h>

#include "weir/hash.h"

void add_hash_suite(void);

/* Values of Go's hash/fnv, fnv_test.go, golden128a. */
static const struct {
	const char *one, *other, *hash;
} rows[] = {
	{"", "", "6c62272e07bb014262b821756295c58d"},
	{"a", "", "d228cb696f1a8caf78912b704e4a8964"},
	{"a", "b", "08809544bbab1be95aa0733055b69a62"},
	{"", "abc", "a68d622cec8b5822836dbc7977af7f3b"},
};

static void known_values(void)
{
	char hash[HASH_SIZE];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		hash_texts((struct weir_text){rows[i].one, strlen(rows[i].one)},
			   (struct weir_text){rows[i].other, strlen(rows[i].other)}, hash);
		CU_ASSERT_STRING_EQUAL(hash, rows[i].hash);
	}
}

/* Of the 64 bits in fnv_test.go, golden64a. */
static void short_ones(void)
{
	static const struct {
		const char *text;
		uint64_t hash;
	} rows64[] = {
		{"", UINT64_C(0xcbf29ce484222325)},
		{"a", UINT64_C(0xaf63dc4c8601ec8c)},
		{"ab", UINT64_C(0x089c4407b545986a)},
		{"abc", UINT64_C(0xe71fa2190541574b)},
	};
	for (size_t i = 0; i < sizeof rows64 / sizeof *rows64; i++)
		CU_ASSERT_EQUAL(
			hash_short((struct weir_text){rows64[i].text, strlen(rows64[i].text)}),
			(uint32_t)(rows64[i].hash ^ rows64[i].hash >> 32));
}

void add_hash_suite(void)
{
	CU_pSuite s = CU_add_suite("hashes", NULL, NULL);
	CU_add_test(s, "known values", known_values);
	CU_add_test(s, "short ones", short_ones);
}
