/* Redis. */
#include <string.h>

#include "doctor.h"

static void check_policy(struct doctor *d, const char *policy)
{
	static const char advice[] =
		"counters of running jobs may vanish, and are then counted anew from the ledger: "
		"set maxmemory-policy noeviction";
	if (!*policy)
		doctor_tell(d, LEVEL_WARN, "make sure that it is noeviction",
			    "maxmemory-policy cannot be read");
	else if (strcmp(policy, "noeviction") == 0)
		doctor_tell(d, LEVEL_OK, "", "maxmemory-policy is %s", policy);
	else
		doctor_tell(d, LEVEL_FAIL, advice, "maxmemory-policy is %s", policy);
}

void doctor_check_redis(struct doctor *d)
{
	struct weir_error why;
	char version[64], policy[64];
	if (!d->settings->redis_url)
		return;
	if (progress_open(d->settings->redis_url, DOCTOR_REDIS_MS, &d->progress, &why) < 0 ||
	    progress_server(d->progress, version, policy, &why) < 0) {
		doctor_tell_away(d, &why);
		return;
	}
	doctor_tell(d, LEVEL_OK, "", "reachable, version %s", *version ? version : "not told");
	check_policy(d, policy);
	if (progress_check(d->progress, &why) < 0)
		doctor_tell_away(d, &why);
	else
		doctor_tell(d, LEVEL_OK, "", "scripts set, publish and delete");
}
