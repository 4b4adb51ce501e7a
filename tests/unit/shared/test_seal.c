#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "weir/identity.h"
#include "weir/message.h"
#include "weir/names.h"
#include "weir/seal.h"

void add_seal_suite(void);

#define ID "46e5ce2c-6da5-4083-b037-4ad8f1aa9928"

/* Of the first bytes 00 01 02 ..., under the key 00 01 ... 0f. Source: vectors.h of
 * github.com/veorq/SipHash, and `openssl mac -macopt size:16 -macopt hexkey:... SIPHASH`. */
static void known_codes(void)
{
	static const struct {
		size_t size;
		const char *code;
	} cases[] = {
		{0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
		{7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
		{15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {63, "5150d1772f50834a503e069a973fbd7c"}};
	uint8_t key[SEAL_KEY], bytes[64], code[SEAL_SIZE];
	char hex[2 * SEAL_SIZE + 1];
	for (int i = 0; i < 64; i++)
		bytes[i] = (uint8_t)i;
	memcpy(key, bytes, sizeof key);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		seal_code(key, bytes, cases[i].size, code);
		for (size_t j = 0; j < SEAL_SIZE; j++)
			snprintf(hex + 2 * j, 3, "%02x", code[j]);
		CU_ASSERT_STRING_EQUAL(hex, cases[i].code);
	}
}

static void marks(void)
{
	static const uint8_t key[SEAL_KEY] = {1}, other[SEAL_KEY] = {2};
	char mark[SEAL_MARK_MAX];
	struct weir_text body = {"body", 4}, changed = {"bodY", 4};
	seal_write(ID, key, body, mark);
	CU_ASSERT_EQUAL(strlen(mark), 5 + 36 + 1 + 32);
	CU_ASSERT_TRUE(seal_fits(mark, key, body));
	CU_ASSERT_FALSE(seal_fits(mark, key, changed));
	CU_ASSERT_FALSE(seal_fits(mark, other, body));
	mark[strlen(mark) - 1] ^= 1;
	CU_ASSERT_FALSE(seal_fits(mark, key, body));
	mark[strlen(mark) - 1] = '\0';
	CU_ASSERT_FALSE(seal_fits(mark, key, body));
	CU_ASSERT_FALSE(seal_fits("", key, body));
	CU_ASSERT_FALSE(seal_fits("weir/" ID, key, body));
}

static void owners(void)
{
	static const struct {
		const char *mark;
		enum seal_owner owner;
	} cases[] = {{"", SEAL_OF_NONE},
		     {"a-service", SEAL_OF_NONE},
		     {"weir", SEAL_OF_NONE},
		     {"weir/", SEAL_OF_NONE},
		     {"weir/46e5ce2c", SEAL_OF_NONE},
		     {ID, SEAL_OF_NONE},
		     {"weir/" ID "0", SEAL_OF_NONE},
		     {"weir/" ID, SEAL_OF_US},
		     {"weir/" ID "/00", SEAL_OF_US},
		     {"weir/46e5ce2c-6da5-4083-b037-4ad8f1aa9929", SEAL_OF_OTHERS},
		     {"weir/46e5ce2c-6da5-4083-b037-4ad8f1aa9929/00", SEAL_OF_OTHERS}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CU_ASSERT_EQUAL(seal_owner(cases[i].mark, ID), cases[i].owner);
}

static bool same(const char *a, const char *b)
{
	struct message one, other;
	const struct weir_map *x, *y;
	struct weir_error err;
	CU_ASSERT_EQUAL_FATAL(message_decode_map(&one, a, strlen(a), &x, &err), 0);
	CU_ASSERT_EQUAL_FATAL(message_decode_map(&other, b, strlen(b), &y, &err), 0);
	bool yes = map_same(x, y);
	message_release(&one);
	message_release(&other);
	return yes;
}

static void the_same(void)
{
	static const char *const pairs[][2] = {
		{"{}", "{}"},
		{"{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\", \"a\":1}"},
		{"{\"a\":1.0}", "{\"a\":1}"},
		{"{\"a\":1e2}", "{\"a\":100.0}"},
		{"{\"a\":-3}", "{\"a\":-3}"},
		{"{\"a\":\"\\u0041\"}", "{\"a\":\"A\"}"},
		{"{\"a\":[1,{\"b\":null,\"c\":true}]}", "{\"a\":[1,{\"c\":true,\"b\":null}]}"},
		{"{\"a\":{\"x\":1,\"y\":2,\"z\":3}}", "{\"a\":{\"z\":3,\"x\":1,\"y\":2}}"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		CU_ASSERT_TRUE(same(pairs[i][0], pairs[i][1]));
}

static void not_the_same(void)
{
	static const char *const pairs[][2] = {
		{"{}", "{\"a\":null}"},
		{"{\"a\":1}", "{\"a\":2}"},
		{"{\"a\":1}", "{\"a\":1.0}"},
		{"{\"a\":1}", "{\"b\":1}"},
		{"{\"a\":1}", "{\"a\":\"1\"}"},
		{"{\"a\":1}", "{\"a\":-1}"},
		{"{\"a\":0}", "{\"a\":false}"},
		{"{\"a\":true}", "{\"a\":false}"},
		{"{\"a\":null}", "{\"a\":false}"},
		{"{\"a\":\"\"}", "{\"a\":null}"},
		{"{\"a\":1.5}", "{\"a\":1.25}"},
		{"{\"a\":\"x\"}", "{\"a\":\"x \"}"},
		{"{\"a\":[1,2]}", "{\"a\":[2,1]}"},
		{"{\"a\":[1]}", "{\"a\":[1,1]}"},
		{"{\"a\":[]}", "{\"a\":{}}"},
		{"{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1,\"y\":1}}"},
		{"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		CU_ASSERT_FALSE(same(pairs[i][0], pairs[i][1]));
}

static void names(void)
{
	struct weir_error err;
	CU_ASSERT_EQUAL(names_use("prod-eu_1", &err), 0);
	CU_ASSERT_STRING_EQUAL(names_at_broker(), "prod-eu_1.weir.");
	CU_ASSERT_STRING_EQUAL(names_in_redis(), "prod-eu_1:weir");
	names_belong(ID);
	CU_ASSERT_STRING_EQUAL(names_of_ledger(), "prod-eu_1:weir:46e5ce2c-6da5");
	CU_ASSERT_EQUAL(names_use("Prod", &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
	CU_ASSERT_STRING_EQUAL(names_at_broker(), "prod-eu_1.weir.");
	CU_ASSERT_EQUAL(names_use("", &err), 0);
	CU_ASSERT_STRING_EQUAL(names_at_broker(), "weir.");
	CU_ASSERT_EQUAL(names_use(NULL, &err), 0);
	CU_ASSERT_STRING_EQUAL(names_of_ledger(), "weir");
}

void add_seal_suite(void)
{
	CU_pSuite suite = CU_add_suite("seal", NULL, NULL);

	CU_ADD_TEST(suite, known_codes);
	CU_ADD_TEST(suite, marks);
	CU_ADD_TEST(suite, owners);
	CU_ADD_TEST(suite, the_same);
	CU_ADD_TEST(suite, not_the_same);
	CU_ADD_TEST(suite, names);
}
