#include <CUnit/CUnit.h>
#include <string.h>

#include "policy.h"

static struct weir_error err;

static void factors(void)
{
	static const char *const bad[] = {
		"",    "0",   "0.99", "100.1", "-2", "+2",
		"1e1", "0x2", "nan",  "inf",   "1.", ".5",
		" 2",  "2 ",  "1,5",  "1.5.1", "2x", "1000000000000000000000.0"};
	double factor = 7;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT_EQUAL(policy_factor(bad[i], &factor, &err), -1);
	CU_ASSERT_EQUAL(factor, 7);
	CU_ASSERT_EQUAL(policy_factor("1", &factor, &err), 0);
	CU_ASSERT_EQUAL(factor, 1);
	CU_ASSERT_EQUAL(policy_factor("1.25", &factor, &err), 0);
	CU_ASSERT_EQUAL(factor, 1.25);
	CU_ASSERT_EQUAL(policy_factor("100", &factor, &err), 0);
	CU_ASSERT_EQUAL(factor, 100);
}

static void limits(void)
{
	static const struct {
		const char *mode;
		int64_t max;
		int rc;
		const char *is;
		int64_t limit;
	} tries[] = {
		{NULL, 0, 0, "queue", 0},
		{NULL, 5, 0, "parallel", 5},
		{"queue", 0, 0, "queue", 0},
		{"queue", 1, -1, NULL, 0},
		{"parallel", 9, 0, "parallel", 9},
		{"parallel", 0, -1, NULL, 0},
		{"sequential", 0, 0, "sequential", 1},
		{"sequential", 1, 0, "sequential", 1},
		{"sequential", 2, -1, NULL, 0},
		{"", 0, -1, NULL, 0},
	};
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		struct policy p = {.mode = NULL};
		int rc = policy_limit(&p, tries[i].mode, tries[i].max, &err);
		CU_ASSERT_EQUAL(rc, tries[i].rc);
		if (rc == 0 && tries[i].is) {
			CU_ASSERT_STRING_EQUAL(p.mode, tries[i].is);
			CU_ASSERT_EQUAL(p.max_concurrent, tries[i].limit);
		}
	}
}

static void finishing(void)
{
	struct policy p = {.mode = NULL};
	CU_ASSERT_EQUAL(policy_finish(&p, &err), 0);
	CU_ASSERT_EQUAL(p.max_attempts, 3);
	CU_ASSERT_EQUAL(p.backoff_ms, 1000);
	CU_ASSERT_EQUAL(p.backoff_factor, 2);
	CU_ASSERT_EQUAL(p.backoff_cap_ms, 600000);
	p = (struct policy){.backoff_ms = 3600000};
	CU_ASSERT_EQUAL(policy_finish(&p, &err), 0);
	CU_ASSERT_EQUAL(p.backoff_cap_ms, 3600000);
	p = (struct policy){.backoff_cap_ms = 999};
	CU_ASSERT_EQUAL(policy_finish(&p, &err), -1);
}

void add_policy_suite(void);

void add_policy_suite(void)
{
	CU_pSuite s = CU_add_suite("policy", NULL, NULL);
	CU_add_test(s, "factors", factors);
	CU_add_test(s, "modes and limits", limits);
	CU_add_test(s, "what is not given", finishing);
}
