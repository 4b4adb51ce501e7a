/* The driver of remote batches without a consumer around it: it drives what it finds in the ledger
 * until SIGTERM. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "remote.h"
#include "weir/process.h"
#include "weir/clock.h"
#include "weir/log.h"

#define TURN_MS 50

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int fail(const struct weir_error *err)
{
	log_event(LOG_ERROR, "driver_failed", "code=%s error=\"%s\"", err->code, err->text);
	return EXIT_FAILURE;
}

static void turn(struct remote *r, struct http *h)
{
	struct pollfd fd = {.fd = http_fd(h), .events = POLLIN};
	int64_t now = clock_us(), next = remote_next_us(r);
	if (http_next_us(h) < next)
		next = http_next_us(h);
	int64_t wait_ms = next <= now ? 0 : (next - now) / 1000 + 1;
	poll(&fd, 1, wait_ms < TURN_MS ? (int)wait_ms : TURN_MS);
	http_turn(h);
	remote_turn(r, clock_us());
}

static int drive(const struct llm *llm, const char *pg_url, struct weir_error *err)
{
	char name[64];
	struct http *h;
	snprintf(name, sizeof name, "driver-%d-%lld", (int)getpid(), (long long)clock_wall_us());
	if (http_open(8, &h, err) < 0)
		return -1;
	struct remote *r = remote_open(
		&(struct remote_plan){.llm = llm, .http = h, .pg_url = pg_url, .holder = name});
	if (!r) {
		http_close(h);
		return weir_fail_memory(err);
	}
	log_event(LOG_INFO, "driver_ready", "name=%s", name);
	while (!stop)
		turn(r, h);
	remote_close(r);
	http_close(h);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = {0};
	struct option_group group = settings_group(&settings);
	struct sigaction a = {.sa_handler = on_signal};
	struct weir_error err;
	struct llm llm;
	int rest;
	process_guard();
	sigaction(SIGTERM, &a, NULL);
	if (options_parse(&group, 1, argc - 1, argv + 1, &rest, &err) < 0 ||
	    settings_check(&settings, NEED_PG, &err) < 0)
		return fail(&err);
	int rc = llm_open(&llm, &settings, true, &err);
	if (rc == 0)
		rc = drive(&llm, settings.pg_url, &err);
	llm_close(&llm);
	options_release(&group, 1);
	return rc < 0 ? fail(&err) : EXIT_SUCCESS;
}
