#include "suites.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool fits(const char *name, int argc, char **argv, int at)
{
	if (argc <= at)
		return true;
	return *argv[at] == '=' ? strcmp(name, argv[at] + 1) == 0 : strstr(name, argv[at]) != NULL;
}

static int list(void)
{
	for (CU_pSuite s = CU_get_registry()->pSuite; s; s = s->pNext)
		printf("%s\n", s->pName);
	return 0;
}

/* Suites and tests that were not asked for are left out, and are no failure. */
static int choose(int argc, char **argv)
{
	int chosen = 0;
	CU_set_fail_on_inactive(CU_FALSE);
	for (CU_pSuite s = CU_get_registry()->pSuite; s; s = s->pNext) {
		int tests = 0;
		for (CU_pTest t = s->pTest; t; t = t->pNext) {
			bool wanted =
				fits(s->pName, argc, argv, 1) && fits(t->pName, argc, argv, 2);
			tests += wanted;
			CU_set_test_active(t, wanted ? CU_TRUE : CU_FALSE);
		}
		CU_set_suite_active(s, tests ? CU_TRUE : CU_FALSE);
		chosen += tests;
	}
	return chosen;
}

static bool passed(void)
{
	return CU_get_number_of_tests_failed() + CU_get_number_of_suites_failed() +
		       CU_get_number_of_failures() ==
	       0;
}

int suites_run(add_suite *const *adders, int argc, char **argv)
{
	int status = 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	for (; *adders; adders++)
		(*adders)();
	CU_basic_set_mode(CU_BRM_VERBOSE);
	if (CU_get_error() != CUE_SUCCESS)
		fprintf(stderr, "tests: %s\n", CU_get_error_msg());
	else if (argc == 2 && strcmp(argv[1], "--list") == 0)
		status = list();
	else if (choose(argc, argv) == 0)
		fprintf(stderr, "tests: no test is called like that\n");
	else if (CU_basic_run_tests() == CUE_SUCCESS && passed())
		status = 0;
	CU_cleanup_registry();
	return status;
}
