/* The unit tests: what needs no server. */
#include <stddef.h>

#include "../suites.h"

/* A suite a line. */
/* clang-format off */
#define SUITES(X) \
	X(address) \
	X(addresses) \
	X(advice) \
	X(analyzer) \
	X(answers) \
	X(ask_room) \
	X(buffer) \
	X(causes) \
	X(clock) \
	X(content) \
	X(csv) \
	X(currency) \
	X(day) \
	X(decimal) \
	X(decisions) \
	X(delivery) \
	X(error) \
	X(folding) \
	X(front) \
	X(hash) \
	X(invoice) \
	X(job_file) \
	X(json) \
	X(jsonl) \
	X(kind) \
	X(letter) \
	X(line) \
	X(loader) \
	X(log) \
	X(markdown) \
	X(message) \
	X(meter) \
	X(models) \
	X(natural) \
	X(option) \
	X(pack) \
	X(amount) \
	X(settle) \
	X(charge) \
	X(params) \
	X(places) \
	X(policy) \
	X(print) \
	X(progress_url) \
	X(provider) \
	X(provider_batches) \
	X(provider_errors) \
	X(report) \
	X(rows) \
	X(schedule) \
	X(seal) \
	X(sentences) \
	X(settings) \
	X(sink) \
	X(templates) \
	X(topology) \
	X(twins) \
	X(tx) \
	X(unpack) \
	X(utf8) \
	X(supervise) \
	X(work) \
	X(yaml)

#define DECLARE(NAME) add_suite add_##NAME##_suite;
#define LIST(NAME) add_##NAME##_suite,

SUITES(DECLARE)

static add_suite *const suites[] = {SUITES(LIST) NULL};
/* clang-format on */

int main(int argc, char **argv) { return suites_run(suites, argc, argv); }
