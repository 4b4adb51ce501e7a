#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"

/* ---- rows ---- */

void articles_open(const struct load *l)
{
	for (int i = 0; i < l->count; i++)
		for (int k = 0; l->orders[i].news && k < l->orders[i].size; k++)
			if (load_promise(l, &l->orders[i], k).destiny != NO_RECORD)
				sql_text("INSERT INTO news_articles (id, title) VALUES (%d, 'x')",
					 load_article(&l->orders[i], k));
}

/* Nobody is waited for, so that what is locked is what was free. */
static const char *const locks[] = {
	"SELECT FROM news_articles WHERE id % 3 = 0 FOR UPDATE SKIP LOCKED",
	"SELECT FROM news_articles FOR UPDATE SKIP LOCKED",
	"SELECT FROM effects WHERE key LIKE '%.k3' FOR UPDATE SKIP LOCKED",
	"SELECT FROM weir.inventory_items WHERE item_id % 2 = 0 FOR UPDATE SKIP LOCKED",
	"SELECT FROM weir.vendors FOR UPDATE SKIP LOCKED",
	"SELECT FROM weir.vendor_item_mappings FOR UPDATE SKIP LOCKED",
	"LOCK TABLE news_articles IN SHARE MODE",
	"LOCK TABLE effect_log IN SHARE MODE",
	"LOCK TABLE weir.price_history IN SHARE MODE",
	"SELECT FROM weir.jobs FOR UPDATE SKIP LOCKED",
	"SELECT FROM weir.job_batches WHERE n % 2 = 0 FOR UPDATE SKIP LOCKED",
	"SELECT FROM weir.retries FOR UPDATE SKIP LOCKED",
};

static PGconn *other;

static bool says(const char *statement)
{
	PGresult *r = PQexec(other, statement);
	ExecStatusType status = PQresultStatus(r);
	PQclear(r);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

bool rows_lock(int pick)
{
	char text[256];
	snprintf(text, sizeof text, "%s", locks[(size_t)pick % (sizeof locks / sizeof *locks)]);
	other = PQconnectdb(getenv("WEIR_PG_URL"));
	if (says("SET lock_timeout = 300") && says("BEGIN") && says(text))
		return true;
	rows_unlock();
	return false;
}

void rows_unlock(void)
{
	PQfinish(other);
	other = NULL;
}

/* ---- subscribers ---- */

void broker_limit(int bytes)
{
	char text[256];
	snprintf(text, sizeof text, "%s/rabbitmq/conf.d/faults.conf", getenv("WEIR_STACK_DIR"));
	FILE *f = fopen(text, "w");
	if (EXPECT(f != NULL, "cannot write %s", text)) {
		fprintf(f, "max_message_size = %d\n", bytes);
		EXPECT(fclose(f) == 0, "%s was not written", text);
	}
	snprintf(text, sizeof text, "eval 'application:set_env(rabbit, max_message_size, %d).'",
		 bytes);
	rabbit(text);
}

#define SUBSCRIBER "others.events"

bool subscriber_come(void) { return queue_refuses(SUBSCRIBER, "weir.events"); }
bool subscriber_leave(void) { return queue_is_deleted(SUBSCRIBER); }
