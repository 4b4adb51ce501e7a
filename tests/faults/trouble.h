/* trouble.h: what others do, whose servers these are as well: they keep rows locked, and subscribe
 * and take nothing. Each lasts until it is ended, or until its server goes down. */
#ifndef WEIR_FAULTS_TROUBLE_H
#define WEIR_FAULTS_TROUBLE_H

#include "load.h"

/* The rows of news_articles that the load's items write to. */
void articles_open(const struct load *l);

/* Some rows of a table, or the table, as `pick` says. False: somebody has that table just now. */
bool rows_lock(int pick);
void rows_unlock(void);

/* A queue for all events that has room for none. False: the broker does not answer. */
bool subscriber_come(void);
/* Removes it; false: not yet. */
bool subscriber_leave(void);

/* The broker takes no message of more bytes, now and after each restart. */
void broker_limit(int bytes);

#endif
