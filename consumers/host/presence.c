/* What others are told of this process. */
#include "lanes.h"
#include "weir/clock.h"
#include "weir/log.h"

static const char *waits_for(const struct consumer *c)
{
	if (!c->broker)
		return c->broker_why.text;
	if (*lanes_trouble(c))
		return lanes_trouble(c);
	return c->shares_away ? c->shares_why.text : "";
}

void consumer_tell(struct consumer *c)
{
	struct weir_error why;
	if (!c->ledger || c->flush.state != FLUSH_IDLE ||
	    !presence_due(&c->presence, waits_for(c), clock_us()))
		return;
	if (presence_tell(&c->presence, c->ledger, waits_for(c), &why) == 0)
		return;
	if (!ledger_alive(c->ledger))
		consumer_lose_ledger(c, &why);
	else
		log_event(LOG_DEBUG, "presence_not_told", "error=\"%s\"", why.text);
}

void consumer_leave(struct consumer *c)
{
	struct weir_error ignored;
	if (c->ledger && presence_leave(&c->presence, c->ledger, &ignored) < 0)
		return; /* it is forgotten soon */
}
