/* Connections to the broker, and whose the virtual host is that they lead to. */
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/message.h"

#define BESIDE_SHARE 9

void relay_not_ours(struct relay *r)
{
	broker_close(r->surveyor);
	r->surveyor = NULL;
	r->ours = false;
	r->topology_due = true;
}

int relay_open_broker(struct relay *r, const char *name, int seconds, struct broker **out,
		      struct weir_error *err)
{
	struct broker *b;
	if (broker_open_within(r->settings->amqp_url, name, MESSAGE_MAX, seconds, &b, err) < 0)
		return -1;
	if (identity_mark(b, r->ledger_id, err) == 0) {
		*out = b;
		return 0;
	}
	broker_close(b);
	if (strcmp(err->code, "not_ours") == 0)
		relay_not_ours(r);
	return -1;
}

bool relay_may_open_beside(const struct relay *r) { return clock_us() >= r->beside_us; }

int relay_open_beside(struct relay *r, const char *name, int seconds, struct broker **out,
		      struct weir_error *err)
{
	int64_t began = clock_us();
	if (!relay_may_open_beside(r)) {
		*err = r->beside_why;
		return -1;
	}
	if (relay_open_broker(r, name, seconds, out, err) == 0)
		return 0;
	r->beside_why = *err;
	r->beside_us = clock_us() + (clock_us() - began) * BESIDE_SHARE;
	return -1;
}
