/* identity.h: which ledger this is (weir.ledger in schemas/sql/056_identity.sql), and whether the
 * virtual host that it uses is its own.
 *
 * The broker keeps the mark of a virtual host: an exchange, "weir.ledger", whose alternate exchange
 * is called after the ledger's id. That argument is the one that RabbitMQ compares when an exchange
 * is declared again, and the refusal says both values. */
#ifndef WEIR_IDENTITY_H
#define WEIR_IDENTITY_H

#include "weir/broker.h"
#include "weir/ledger.h"

#define LEDGER_ID_SIZE 37  /* with its NUL */
#define LEDGER_ID_SHORT 13 /* characters of it that are enough to know it by */

/* Reads the ledger's id. Error code "copied": this database is a copy of the one that the ledger
 * was made in, and nobody has said what is to become of it. Blocks. */
int identity_read(struct ledger *l, char id[LEDGER_ID_SIZE],
		  struct weir_error *err) WEIR_MUST_CHECK;

/* Marks the virtual host as the ledger's, where it has no mark yet. Error code "not_ours": it is
 * another's. Who may not declare is told what can be seen. Blocks, and the connection must be one
 * that neither consumes nor has confirms; after a failure it is dead. */
int identity_mark(struct broker *b, const char *id, struct weir_error *err) WEIR_MUST_CHECK;
/* The same, but makes no mark. Error code also "no_mark". */
int identity_check_mark(struct broker *b, const char *id, struct weir_error *err) WEIR_MUST_CHECK;
/* Whether there is none, for a ledger that has no id yet; makes none. Error code "not_ours". */
int identity_check_unmarked(struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;
/* Takes the mark away, whoever's it is. */
int identity_unmark(struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;

#endif
