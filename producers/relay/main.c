/* weir-relay: publishes what is due in the ledger, and looks after jobs. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"
#include "weir/log.h"

#define AT(field) offsetof(struct relay_options, field)

enum { EXIT_USAGE = 2, GRACE_S = 10 };

static const struct weir_option relay_options[] = {
	{.name = "batches",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(batches),
	 .preset = "10",
	 .least = 1,
	 .most = RUN_BATCHES_MAX,
	 .unit = "BATCHES",
	 .help = "Most batches that are claimed, published and marked in one transaction."},
	{.name = "poll",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(poll_ms),
	 .preset = "1s",
	 .least = 10,
	 .most = 60000,
	 .help = "How often to look for due rows when nobody said that there are any."},
	{.name = "queue-time",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(queue_time_ms),
	 .preset = "300ms",
	 .least = 20,
	 .most = 600000,
	 .help = "No more is in a kind's queue than its consumers take in about so long. Who "
		 "comes next waits for that."},
	{.name = "queue-least",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(queue_least),
	 .preset = "100",
	 .least = 1,
	 .most = 1000000000,
	 .unit = "ITEMS",
	 .help = "So many may be there in any case, also while nobody takes them."},
	{.name = "queue-most",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(queue_most),
	 .preset = "100000",
	 .least = 1,
	 .most = 1000000000,
	 .unit = "ITEMS",
	 .help = "And never more, but for the rest of a batch."},
	{.name = "poison-limit",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(poison_limit),
	 .preset = "3",
	 .least = 1,
	 .most = 15,
	 .help = "Not used any more: what the broker gives up gets another message, and counts "
		 "for nothing. Poison is what consumers have evidence of."},
	{.name = "lost-after",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(lost_after_ms),
	 .preset = "10m",
	 .least = 100,
	 .most = 86400000 * INT64_C(30),
	 .help = "When no item of a job has ended for so long and nothing waits in its queue, the "
		 "broker has lost it: what was queued is published again. Longer than the slowest "
		 "item takes."},
	{.type = WEIR_OPTION_END},
};

static volatile int stop;
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
	struct sigaction a = {.sa_handler = on_stop};
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGINT, &a, NULL);
	a.sa_handler = on_alarm;
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
		{.title = "Options", .rows = relay_options, .config = &options},
		settings_group(&settings),
	};
	size_t n = sizeof groups / sizeof *groups;
	int status = EXIT_USAGE;
	settings_guard_process();
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help(groups, n);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--sample") == 0) {
		options_sample(groups, n, stdout);
		return 0;
	}
	if (options_parse(groups, n, argc - 1, argv + 1, NULL, &err) < 0)
		return fail(&err, EXIT_USAGE);
	if (options.queue_most < options.queue_least) {
		weir_fail(&err, "bad_value", "--queue-most %lld is less than --queue-least %lld",
			  (long long)options.queue_most, (long long)options.queue_least);
		return fail(&err, EXIT_USAGE);
	}
	set_signals();
	if (settings_check(&settings, NEED_PG | NEED_AMQP | NEED_REDIS, &err) == 0)
		status = run(&settings, &options, &err) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (status != EXIT_SUCCESS)
		fail(&err, status);
	options_release(groups, n);
	return status;
}
