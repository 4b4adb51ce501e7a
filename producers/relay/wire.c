#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weir/clock.h"
#include "weir/log.h"

uint64_t wire_bound(const char *text)
{
	static const char words[] = "larger than configured max size ";
	const char *at = strstr(text, words);
	return at ? strtoull(at + sizeof words - 1, NULL, 10) : 0;
}

int wire_begin(struct wire *w, struct broker *b, struct weir_error *err)
{
	if (broker_confirm(b, err) < 0) {
		broker_close(b);
		return -1;
	}
	w->broker = b;
	w->fd = broker_fd(b);
	w->connected_us = clock_us();
	w->nacked = w->blocked = false;
	return 0;
}

void wire_close(struct wire *w)
{
	w->fd = -1;
	broker_close(w->broker);
	w->broker = NULL;
	w->blocked = false;
}

void wire_move(struct wire *from, struct wire *to)
{
	to->broker = from->broker;
	to->fd = from->fd;
	to->blocked = from->blocked;
	to->nacked = from->nacked;
	to->connected_us = from->connected_us;
	to->most = from->most;
	from->fd = -1;
	from->broker = NULL;
	from->blocked = from->nacked = false;
}

void wire_lose(struct wire *w, const struct weir_error *why)
{
	uint64_t known = w->most;
	wire_close(w);
	w->most = strcmp(why->code, "broker_oversized") == 0 ? wire_bound(why->text) : 0;
	w->bounded = w->most > 0 && w->most != known;
	if (w->bounded)
		log_event(LOG_WARN, "messages_bounded",
			  "bytes=%" PRIu64 " text=\"the broker takes no larger messages "
			  "(max_message_size): items that are larger fail as oversized\"",
			  w->most);
}
