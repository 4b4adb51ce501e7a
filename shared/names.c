#include "weir/names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct {
	char at_broker[NAMESPACE_MAX + 8], in_redis[NAMESPACE_MAX + 8];
	char of_ledger[NAMES_MAX];
} names = {"weir.", "weir", "weir"};

static bool name_ok(const char *name)
{
	size_t n = strlen(name);
	return n <= NAMESPACE_MAX && name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int names_use(const char *name, struct weir_error *err)
{
	bool none = !name || !*name;
	if (!none && !name_ok(name))
		return weir_fail(err, "bad_value",
				 "--namespace \"%.80s\": a letter of a-z, then up to 31 characters "
				 "of a-z 0-9 _ -",
				 name);
	snprintf(names.at_broker, sizeof names.at_broker, "%s%sweir.", none ? "" : name,
		 none ? "" : ".");
	snprintf(names.in_redis, sizeof names.in_redis, "%s%sweir", none ? "" : name,
		 none ? "" : ":");
	snprintf(names.of_ledger, sizeof names.of_ledger, "%s", names.in_redis);
	return 0;
}

const char *names_at_broker(void) { return names.at_broker; }

const char *names_in_redis(void) { return names.in_redis; }

void names_belong(const char *ledger_id)
{
	snprintf(names.of_ledger, sizeof names.of_ledger, "%s:%.13s", names.in_redis, ledger_id);
}

const char *names_of_ledger(void) { return names.of_ledger; }
