/* suites.h: what both test programs do: add the suites of a table, and run those that are asked
 * for. */
#ifndef WEIR_TEST_SUITES_H
#define WEIR_TEST_SUITES_H

typedef void add_suite(void);

/* argv: [SUITE-PATTERN [TEST-PATTERN]], parts of names, or "=NAME": all of it. --list prints the
 * suites' names in their order. adders is closed by NULL. Returns the exit status of the program.
 */
int suites_run(add_suite *const *adders, int argc, char **argv);

#endif
