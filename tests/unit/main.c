/* The unit tests: what needs no server. */
#include <stddef.h>

#include "../suites.h"

add_suite add_analyzer_suite, add_content_suite, add_markdown_suite, add_buffer_suite,
	add_clock_suite, add_csv_suite, add_delivery_suite, add_error_suite, add_jsonl_suite,
	add_loader_suite, add_log_suite, add_message_suite, add_meter_suite, add_option_suite,
	add_params_suite, add_print_suite, add_progress_url_suite, add_report_suite,
	add_settings_suite, add_topology_suite, add_tx_suite, add_work_suite, add_policy_suite,
	add_job_file_suite, add_letter_suite, add_yaml_suite, add_provider_suite,
	add_provider_errors_suite, add_provider_batches_suite;

static add_suite *const suites[] = {
	add_error_suite,
	add_log_suite,
	add_clock_suite,
	add_buffer_suite,
	add_option_suite,
	add_settings_suite,
	add_params_suite,
	add_message_suite,
	add_topology_suite,
	add_yaml_suite,
	add_loader_suite,
	add_progress_url_suite,
	add_jsonl_suite,
	add_csv_suite,
	add_markdown_suite,
	add_delivery_suite,
	add_analyzer_suite,
	add_content_suite,
	add_meter_suite,
	add_print_suite,
	add_report_suite,
	add_letter_suite,
	add_work_suite,
	add_tx_suite,
	add_policy_suite,
	add_job_file_suite,
	add_provider_suite,
	add_provider_errors_suite,
	add_provider_batches_suite,
	NULL,
};

int main(int argc, char **argv) { return suites_run(suites, argc, argv); }
