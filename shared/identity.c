#include "weir/identity.h"

#include <stdio.h>
#include <string.h>

#include "weir/names.h"

/* ---- the ledger ---- */

static const char read_identity[] = "SELECT id, weir.is_home(home) FROM weir.ledger";

static int judge(const PGresult *rows, char id[LEDGER_ID_SIZE], struct weir_error *err)
{
	if (PQntuples(rows) != 1)
		return weir_fail(err, "no_identity",
				 "the ledger has no id: its table weir.ledger must have one row");
	snprintf(id, LEDGER_ID_SIZE, "%s", PQgetvalue(rows, 0, 0));
	if (ledger_bool(rows, 0, 1)) {
		names_belong(id);
		return 0;
	}
	return weir_fail(
		err, "copied",
		"this database is a copy of the ledger %s, which was made elsewhere: `weir "
		"init --new-identity` makes it a ledger of its own, `weir init --adopt` "
		"lets it take the place of the other one, if that is gone",
		id);
}

int identity_read(struct ledger *l, char id[LEDGER_ID_SIZE], struct weir_error *err)
{
	PGresult *rows = NULL;
	if (ledger_query(l, read_identity, NULL, true, &rows, err) < 0)
		return -1;
	int rc = judge(rows, id, err);
	PQclear(rows);
	return rc;
}

/* ---- the virtual host ---- */

struct mark {
	char name[NAMES_MAX], owner[NAMES_MAX];
};

static struct mark mark_of(const char *id)
{
	struct mark m;
	snprintf(m.name, sizeof m.name, "%sledger", names_at_broker());
	snprintf(m.owner, sizeof m.owner, "%.*s.%.*s", NAMES_MAX - LEDGER_ID_SHORT - 2, m.name,
		 LEDGER_ID_SHORT, id);
	return m;
}

/* "... but current is 'weir.ledger.ID'"; the end may be cut off. */
static void other_id(const struct mark *m, const char *text, char id[LEDGER_ID_SHORT + 1])
{
	const char *at = strstr(text, "current is");
	*id = '\0';
	at = at ? strstr(at, m->name) : NULL;
	at = at ? at + strlen(m->name) : NULL;
	if (at && *at++ == '.' && strcspn(at, "'") == LEDGER_ID_SHORT)
		snprintf(id, LEDGER_ID_SHORT + 1, "%s", at);
}

static int not_ours(const char *id, struct weir_error *err)
{
	return weir_fail(err, "not_ours",
			 "this virtual host belongs to %s%s: use another virtual host, or "
			 "--namespace; `weir init --take-vhost` takes it, if that ledger is gone",
			 *id ? "ledger " : "another ledger", id);
}

/* Who may not declare can still see which exchanges there are. */
static int judge_unseen(struct broker *b, const struct mark *m, struct weir_error *err)
{
	struct weir_error why;
	if (broker_reopen(b, err) < 0)
		return -1;
	if (broker_declare_exchange(b, m->owner, true, &why) == 0)
		return 0;
	if (strcmp(why.code, "broker_missing") != 0)
		return weir_fail(err, why.code, "%s", why.text);
	if (broker_reopen(b, err) < 0)
		return -1;
	if (broker_declare_exchange(b, m->name, true, &why) == 0)
		return not_ours("", err);
	return strcmp(why.code, "broker_missing") == 0 ? broker_reopen(b, err)
						       : weir_fail(err, why.code, "%s", why.text);
}

static int declare(struct broker *b, const struct mark *m, struct weir_error *err)
{
	struct weir_error why;
	char id[LEDGER_ID_SHORT + 1];
	if (broker_mark_exchange(b, m->name, m->owner, &why) == 0)
		return broker_declare_exchange(b, m->owner, false, err);
	if (strcmp(why.code, "broker_denied") == 0)
		return judge_unseen(b, m, err);
	if (strcmp(why.code, "broker_differs") != 0)
		return weir_fail(err, why.code, "%s", why.text);
	other_id(m, broker_said(b), id);
	return not_ours(id, err);
}

int identity_mark(struct broker *b, const char *id, struct weir_error *err)
{
	const struct mark m = mark_of(id);
	return declare(b, &m, err);
}

int identity_check_mark(struct broker *b, const char *id, struct weir_error *err)
{
	const struct mark m = mark_of(id);
	struct weir_error why;
	if (broker_declare_exchange(b, m.name, true, &why) == 0)
		return declare(b, &m, err);
	if (strcmp(why.code, "broker_missing") != 0)
		return weir_fail(err, why.code, "%s", why.text);
	return weir_fail(err, "no_mark", "the virtual host does not say whose it is");
}

int identity_check_unmarked(struct broker *b, struct weir_error *err)
{
	const struct mark m = mark_of("");
	struct weir_error why;
	char id[LEDGER_ID_SHORT + 1] = "";
	if (broker_declare_exchange(b, m.name, true, &why) < 0) {
		if (strcmp(why.code, "broker_missing") == 0)
			return broker_reopen(b, err);
		return weir_fail(err, why.code, "%s", why.text);
	}
	/* It is nobody's, and the refusal says whose it is. */
	if (broker_mark_exchange(b, m.name, m.owner, &why) == 0)
		return broker_delete_exchange(b, m.name, err); /* it was deleted just now */
	if (strcmp(why.code, "broker_differs") == 0)
		other_id(&m, broker_said(b), id);
	return not_ours(id, err);
}

int identity_unmark(struct broker *b, struct weir_error *err)
{
	const struct mark m = mark_of("");
	return broker_delete_exchange(b, m.name, err);
}
