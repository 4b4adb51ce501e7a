/* Redis: F45 to F49. Work never waits for it. */
#include <stdio.h>

#include "steps.h"

static void f45(void)
{
	struct job *job = in_the_middle();
	server("kill", "redis");
	await(PATIENCE_MS, "SELECT bool_and(completed_at IS NOT NULL) FROM weir.jobs");
	server("up", "redis");
	end_well(job);
}

static void f46(void)
{
	struct job *job = in_the_middle();
	redis_do("SCRIPT FLUSH");
	await_final(job, 120);
	redis_flush();
	await_final(job, 180);
	server("kill", "redis"); /* it keeps nothing */
	server("up", "redis");
	end_well(job);
}

/* As after a failover: the server they know is a replica now, and then a primary that misses the
 * last writes. */
static void f47(void)
{
	struct job *job = in_the_middle();
	redis_do("REPLICAOF 127.0.0.1 1");
	await_final(job, 150);
	redis_do("REPLICAOF NO ONE");
	redis_flush();
	end_well(job);
}

static void f48(void)
{
	struct job *job = in_the_middle();
	proxy_delay(PROXY_REDIS, TO_CLIENT, 1500);
	await_final(job, 200);
	proxy_clear(PROXY_REDIS);
	end_well(job);
}

static void f49(void)
{
	struct job *job = in_the_middle();
	redis_do("CONFIG SET maxmemory 1");
	await_final(job, 120);
	redis_do("CONFIG SET maxmemory 0");
	await_final(job, 150);
	redis_do("CONFIG SET requirepass somebody-else");
	proxy_cut(PROXY_REDIS);
	await_final(job, 240);
	server("kill", "redis"); /* and the password is the old one */
	server("up", "redis");
	end_well(job);
}

const struct fault_case redis_cases[] = {
	{"F45", "away until the end", "items finish, counters are repaired", f45, NULL},
	{"F46", "SCRIPT FLUSH, FLUSHALL, restart", "rebuilt from the ledger", f46, NULL},
	{"F47", "READONLY, then a primary without data", "reconnects, rebuilt", f47, NULL},
	{"F48", "answers after the timeout", "no answer mixed up", f48, NULL},
	{"F49", "OOM, then NOAUTH", "work goes on, counters are repaired", f49, NULL},
	{0},
};
