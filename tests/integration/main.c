/* The integration tests: the real programs with a stack of servers of their own. */
#include <stddef.h>

#include "../suites.h"

/* A suite a line. */
/* clang-format off */
#define SUITES(X) \
	X(amqp) \
	X(ledger) \
	X(schema) \
	X(progress) \
	X(http) \
	X(pace) \
	X(breaker) \
	X(flow) \
	X(submit) \
	X(rows) \
	X(definition) \
	X(report) \
	X(plugins) \
	X(garbage) \
	X(stop) \
	X(crash) \
	X(broker) \
	X(servers) \
	X(relay) \
	X(control) \
	X(pause) \
	X(letters) \
	X(limits) \
	X(retry) \
	X(stages) \
	X(kinds) \
	X(asks) \
	X(answers) \
	X(usage) \
	X(asks_crash) \
	X(purge) \
	X(remote) \
	X(remote_results) \
	X(content) \
	X(idea) \
	X(invoice) \
	X(invoices_fixture) \
	X(invoices_property) \
	X(invoices_numbers) \
	X(invoices_order) \
	X(invoices_pairs) \
	X(invoices_together) \
	X(invoices_refused) \
	X(invoice_totals) \
	X(results) \
	X(review) \
	X(models) \
	X(health)

#define DECLARE(NAME) add_suite add_##NAME##_suite;
#define LIST(NAME) add_##NAME##_suite,

SUITES(DECLARE)

static add_suite *const suites[] = {SUITES(LIST) NULL};
/* clang-format on */

int main(int argc, char **argv) { return suites_run(suites, argc, argv); }
