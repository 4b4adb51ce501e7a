/* weir-relay: publishes what is due in the ledger, and looks after jobs. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"
#include "weir/log.h"
#include "weir/process.h"

enum { EXIT_USAGE = 2, GRACE_S = 10 };

static volatile sig_atomic_t stop;
static struct relay relay;

static void on_stop(int number)
{
	(void)number;
	stop = stop + 1;
	alarm(stop > 1 ? 1 : GRACE_S);
}

static void interrupt(const struct wire *wire)
{
	int fd = wire->fd;
	if (fd >= 0)
		broker_interrupt(fd);
}

/* A publish waits as long as a broker in alarm does not read: end it from outside. Its messages
 * count as not published. */
static void on_alarm(int number)
{
	(void)number;
	interrupt(&relay.wire);
	for (int i = 0; i < SIDES; i++)
		interrupt(&relay.sides[i].wire);
	alarm(1);
}

static void set_signals(void)
{
	struct sigaction a = {.sa_handler = on_alarm};
	process_on_stop(on_stop);
	sigaction(SIGALRM, &a, NULL);
}

static void print_help(const struct option_group *groups, size_t n)
{
	printf("Usage: weir-relay [options]\n\n"
	       "Takes what is due in the ledger to the broker, ends jobs whose items are all "
	       "final,\n"
	       "rebuilds progress counters that were lost, and gives dead letters back to the\n"
	       "ledger. Any number may run. SIGTERM ends it after the batches in hand.\n\n");
	options_help(groups, n, stdout);
	printf("\nExit status: 0 stopped when asked to, 1 failed, 2 usage.\n");
}

static int fail(const struct weir_error *err, int status)
{
	log_event(LOG_ERROR, "relay_failed", "code=%s error=\"%s\"", err->code, err->text);
	return status;
}

static int run(const struct settings *settings, const struct relay_options *options,
	       struct weir_error *err)
{
	if (relay_open(&relay, settings, options, NULL, &stop, err) < 0)
		return -1;
	log_event(LOG_INFO, "relay_ready", "batches=%lld", (long long)options->batches);
	while (!stop)
		relay_turn(&relay, (int)options->poll_ms);
	alarm(0);
	log_event(LOG_INFO, "relay_stopped", "published=%llu", (unsigned long long)relay.published);
	relay_close(&relay);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = {0};
	struct relay_options options = {0};
	struct weir_error err;
	struct option_group groups[] = {
		{.title = "Options", .rows = relay_option_rows, .config = &options},
		settings_group(&settings),
	};
	size_t n = sizeof groups / sizeof *groups;
	int status = EXIT_USAGE;
	process_guard();
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help(groups, n);
		return process_end_output("weir-relay", 0);
	}
	if (argc > 1 && strcmp(argv[1], "--sample") == 0) {
		options_sample(groups, n, stdout);
		return process_end_output("weir-relay", 0);
	}
	if (options_parse(groups, n, argc - 1, argv + 1, NULL, &err) < 0)
		return fail(&err, EXIT_USAGE);
	if (options.queue_most < options.queue_least) {
		weir_fail(&err, "bad_value", "--queue-most %lld is less than --queue-least %lld",
			  (long long)options.queue_most, (long long)options.queue_least);
		return fail(&err, EXIT_USAGE);
	}
	set_signals();
	if (settings_follow_files(&settings, &err) == 0 &&
	    settings_check(&settings, NEED_PG | NEED_AMQP | NEED_REDIS, &err) == 0)
		status = run(&settings, &options, &err) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (status != EXIT_SUCCESS)
		fail(&err, status);
	options_release(groups, n);
	return status;
}
