#include <CUnit/CUnit.h>
#include <string.h>

#include "weir/topology.h"

void add_topology_suite(void);

static void kinds(void)
{
	static const char *const good[] = {
		"a", "sentiment", "a1", "a_", "a_b_2", "zz9", "abcdefghijklmnopqrstuvwxyz012345"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CU_ASSERT_TRUE(kind_ok(good[i]));
}

/* A kind becomes a file name, a queue and a routing key. */
static void no_kinds(void)
{
	static const char *const bad[] = {
		"",    "1a",   "_a",	    "A",
		"aB",  "a-b",  "a.b",	    "a b",
		"a/b", "../a", "a*",	    "#",
		"a\n", " a",   "a\xC3\xA4", "abcdefghijklmnopqrstuvwxyz0123456"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(kind_ok(bad[i]));
}

static void queues(void)
{
	char name[NAMES_MAX];

	queue_of("sentiment", name);
	CU_ASSERT_STRING_EQUAL(name, "weir.sentiment");
	queue_of("a", name);
	CU_ASSERT_STRING_EQUAL(name, "weir.a");
	queue_of("abcdefghijklmnopqrstuvwxyz012345", name);
	CU_ASSERT_STRING_EQUAL(name, "weir.abcdefghijklmnopqrstuvwxyz012345");
}

/* The limit of a kind is written down in three headers. */
static void one_limit(void)
{
	CU_ASSERT_EQUAL(KIND_MAX, 32);
	CU_ASSERT(NAMESPACE_MAX + sizeof(".weir.") + KIND_MAX <= NAMES_MAX);
}

void add_topology_suite(void)
{
	CU_pSuite suite = CU_add_suite("topology", NULL, NULL);

	CU_ADD_TEST(suite, kinds);
	CU_ADD_TEST(suite, no_kinds);
	CU_ADD_TEST(suite, queues);
	CU_ADD_TEST(suite, one_limit);
}
