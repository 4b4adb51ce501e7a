/* The integration tests: the real programs with a stack of servers of their own. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../suites.h"
#include "world.h"

/* A suite a line, those that take longest first: tests/run takes them in this order. */
/* clang-format off */
#define SUITES(X) \
	X(asks_crash) \
	X(asks) \
	X(remote) \
	X(remote_results) \
	X(limits) \
	X(servers) \
	X(control) \
	X(pause) \
	X(pace) \
	X(relay) \
	X(fair) \
	X(crash) \
	X(blame) \
	X(broker) \
	X(suspects) \
	X(owners) \
	X(sessions) \
	X(checkout) \
	X(report) \
	X(plugins) \
	X(flow) \
	X(submit) \
	X(rows) \
	X(invoices_property) \
	X(invoices_together) \
	X(usage) \
	X(review) \
	X(amqp) \
	X(ledger) \
	X(schema) \
	X(upgrade) \
	X(output) \
	X(progress) \
	X(http) \
	X(breaker) \
	X(definition) \
	X(garbage) \
	X(stop) \
	X(letters) \
	X(waiting) \
	X(retry) \
	X(stages) \
	X(kinds) \
	X(answers) \
	X(purge) \
	X(content) \
	X(idea) \
	X(invoice) \
	X(invoices_fixture) \
	X(invoices_numbers) \
	X(invoices_order) \
	X(invoices_pairs) \
	X(invoices_refused) \
	X(invoice_totals) \
	X(results) \
	X(models) \
	X(health)

#define DECLARE(NAME) add_suite add_##NAME##_suite;
#define LIST(NAME) add_##NAME##_suite,

SUITES(DECLARE)

static add_suite *const suites[] = {SUITES(LIST) NULL};
/* clang-format on */

/* Where tests write. Those that run side by side have folders of their own. */
static int enter_folder(void)
{
	const char *given = getenv("WEIR_TEST_DIR");
	const char *folder = given ? given : WEIR_BUILD_DIR "/tests";
	mkdir(folder, 0777);
	if (chdir(folder) < 0) {
		perror(folder);
		return -1;
	}
	mkdir(LOGS, 0777);
	return 0;
}

int main(int argc, char **argv) { return enter_folder() < 0 ? 1 : suites_run(suites, argc, argv); }
