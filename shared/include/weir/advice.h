/* advice.h: what to do about a cause. One table maps what servers, their libraries and the kernel
 * say to the next step, so that every program says the same. Nothing here blocks. */
#ifndef WEIR_ADVICE_H
#define WEIR_ADVICE_H

#include "weir/error.h"

enum advice_server { ADVICE_PG, ADVICE_AMQP, ADVICE_REDIS, ADVICE_SERVERS };

/* A next step, before names are written into it; text NULL: none is known. setting: what the text
 * ends with, or "". */
struct advice {
	const char *text, *setting;
};

struct advice advice_for(enum advice_server server, const char *cause);

/* Fills err: "RabbitMQ at WHERE: CAUSE (ADVICE)". where: host and port, and what is asked for
 * there; never a password. Returns -1. */
int advice_fail(struct weir_error *err, const char *code, enum advice_server server,
		const char *where, const char *cause);

/* Takes the advice off the end of a text that advice_fail() made, into out ("" when there is none),
 * for callers who have another place for it. */
#define ADVICE_ROOM 240
void advice_split(char *text, char out[ADVICE_ROOM]);

#endif
