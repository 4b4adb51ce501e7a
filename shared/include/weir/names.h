/* names.h: what weir calls its things at servers that it may share with others: exchanges and
 * queues at the broker, keys and channels in Redis. All begin with the namespace, where there is
 * one. It is said once, before anything is opened (settings_check() does so); without that, there
 * is none. Nothing blocks or fails but names_use(). */
#ifndef WEIR_NAMES_H
#define WEIR_NAMES_H

#include "weir/error.h"

#define NAMESPACE_MAX 32
#define NAMES_MAX 80 /* of an exchange or a queue, with its NUL */

/* ^[a-z][a-z0-9_-]{0,31}$; NULL or empty: none. Error code: bad_value. */
int names_use(const char *name, struct weir_error *err) WEIR_MUST_CHECK;

/* "weir.", or "NAME.weir.": what comes before the name of an exchange or a queue. */
const char *names_at_broker(void);
/* "weir", or "NAME:weir": what keys and channels begin with. */
const char *names_in_redis(void);

/* Whose process this is (identity_read() says so), and what keys begin with that are the ledger's
 * and not of one of its jobs: "weir:ID", with a part of the id. */
void names_belong(const char *ledger_id);
const char *names_of_ledger(void);

#endif
