/* proxy.h: a network that can be made bad. Between the programs and each server lies a proxy of the
 * tests' own; by itself it changes nothing. It runs in a thread; these functions are for one other,
 * and what they ask for holds when they return, for connections there are and those to come. */
#ifndef WEIR_FAULTS_PROXY_H
#define WEIR_FAULTS_PROXY_H

#include <stdbool.h>
#include <stddef.h>

enum proxied { PROXY_AMQP, PROXY_REDIS, PROXY_PG, PROXIES };

enum direction { TO_SERVER = 1, TO_CLIENT = 2, BOTH_WAYS = 3 };

/* Listens before the servers that WEIR_*_URL name, and has the programs started from now on go
 * there. 0, or -1 with a line on standard error. */
int proxy_start(void);
void proxy_stop(void);
/* The programs' WEIR_PG_URL anew, after another database was made. */
void proxy_follow_pg(void);

/* Ends all connections with a reset. */
void proxy_cut(enum proxied which);
/* Resets whoever comes. */
void proxy_refuse(enum proxied which);
void proxy_delay(enum proxied which, enum direction way, int ms);
/* So many bytes a second, in pieces of so many; 0: any. */
void proxy_slow(enum proxied which, enum direction way, int rate, int piece);
/* Takes what comes, and passes nothing on. */
void proxy_swallow(enum proxied which, enum direction way);
/* The next connection on which this text is on its way to the server is ended as soon as the server
 * has answered; the client never gets that answer. Once. */
void proxy_cut_answer(enum proxied which, const char *text);
bool proxy_has_cut_answer(enum proxied which);
/* Changes nothing any more; ends the connections of which something was swallowed. */
void proxy_clear(enum proxied which);

#endif
