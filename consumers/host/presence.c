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
	if (*c->owed_why.text)
		return c->owed_why.text;
	return c->redis_why.text;
}

/* Until when all that was sent to this consumer is settled. What has not been read may be older
 * than what was read last. */
static int64_t settled_us(const struct consumer *c)
{
	int64_t until = c->broker ? c->drained_us : clock_us();
	for (size_t i = 0; i < c->deliveries.capacity; i++) {
		const struct delivery *d = &c->deliveries.slots[i];
		if (d->state != DELIVERY_FREE && d->taken_us < until)
			until = d->taken_us;
	}
	return until;
}

void consumer_redis_failed(struct consumer *c, const struct weir_error *why)
{
	if (!*c->redis_why.text)
		log_event(LOG_WARN, "redis_away",
			  "error=\"%s\" text=\"work goes on, and is counted when it is back; jobs "
			  "with a limit wait\"",
			  why->text);
	c->redis_why = *why;
}

void consumer_check_redis(struct consumer *c)
{
	struct weir_error why;
	bool away = *c->redis_why.text;
	if (progress_check(c->progress, &why) < 0) {
		consumer_redis_failed(c, &why);
		return;
	}
	c->redis_why = (struct weir_error){"", ""};
	if (away)
		log_event(LOG_INFO, "redis_back", "connection=%s", "new");
}

void consumer_tell(struct consumer *c)
{
	struct weir_error why;
	if (!c->ledger || c->flush.state != FLUSH_IDLE ||
	    !presence_due(&c->presence, waits_for(c), clock_us()))
		return;
	if (*c->redis_why.text)
		consumer_check_redis(c);
	c->presence.settled_us = settled_us(c);
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
