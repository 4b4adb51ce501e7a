/* The integration tests: the real programs with a stack of servers of their own. */
#include <stddef.h>

#include "../suites.h"

add_suite add_flow_suite, add_submit_suite, add_plugins_suite, add_garbage_suite, add_crash_suite,
	add_stop_suite, add_broker_suite, add_servers_suite, add_progress_suite, add_ledger_suite,
	add_amqp_suite, add_definition_suite, add_relay_suite, add_report_suite, add_control_suite,
	add_pause_suite, add_letters_suite, add_limits_suite, add_retry_suite, add_stages_suite, add_http_suite, add_pace_suite;

static add_suite *const suites[] = {
	add_amqp_suite,	   add_ledger_suite,  add_progress_suite,
	add_flow_suite,	   add_submit_suite,  add_definition_suite,
	add_report_suite,  add_plugins_suite, add_garbage_suite,
	add_stop_suite,	   add_crash_suite,   add_broker_suite,
	add_servers_suite, add_relay_suite,   add_control_suite,
	add_pause_suite,   add_letters_suite, add_limits_suite,
	add_retry_suite,   add_stages_suite,  add_http_suite,
	add_pace_suite,	   NULL,
};

int main(int argc, char **argv) { return suites_run(suites, argc, argv); }
