#include "reference.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

#define AUTO_LEAST 0.85F

struct reference {
	PGconn *db;
	struct words_lists *words;
	int64_t queries;
};

#define ID_SIZE 24 /* a bigint as text */

/* Where the booking of a line stands. */
struct booking {
	struct reference *ref;
	const struct reference_invoice *invoice;
	const struct reference_line *line;
	char number[ID_SIZE]; /* of the line */
	char vendor[ID_SIZE], item[ID_SIZE], mapping[ID_SIZE];
	const char *match;
	bool in_doubt;	     /* a person is to look at the mapping */
	char similarity[32]; /* "": the match is none of likeness */
};

/* ---- queries ---- */

/* One query and its answer. NULL when it failed, and a line says why. */
static PGresult *ask_all(struct reference *ref, const char *sql, int n, const char *const *values)
{
	PGresult *r = PQexecParams(ref->db, sql, n, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(r);
	ref->queries++;
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return r;
	fprintf(stderr, "reference: %s\n%s", sql, PQerrorMessage(ref->db));
	PQclear(r);
	return NULL;
}

/* clang-format off: it takes the list for a block */
#define ask(ref, sql, ...)                                                                         \
	ask_all(ref, sql, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),     \
		(const char *[]){__VA_ARGS__})
/* clang-format on */

/* For a statement without an answer. */
static int done(PGresult *r)
{
	PQclear(r);
	return r ? 0 : -1;
}

/* The first value of the first row. 1; 0: there is no row; -1: the query failed. */
static int take_id(PGresult *r, char id[ID_SIZE])
{
	int found = r ? PQntuples(r) > 0 : -1;
	if (found == 1)
		snprintf(id, ID_SIZE, "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return found;
}

/* ---- the vendor ---- */

static int find_or_make_vendor(struct booking *b)
{
	const struct reference_invoice *in = b->invoice;
	int found = take_id(ask(b->ref,
				"SELECT vendor_id FROM reference.vendors"
				" WHERE user_id = $1 AND vendor_key = weir.text_key($2)",
				in->user_id, in->vendor_name),
			    b->vendor);
	if (found == 0)
		found = take_id(ask(b->ref,
				    "INSERT INTO reference.vendors (user_id, vendor_key, name)"
				    " VALUES ($1, weir.text_key($2), $2) RETURNING vendor_id",
				    in->user_id, in->vendor_name),
				b->vendor);
	return found == 1 ? 0 : -1;
}

/* ---- the item of a line ---- */

/* The first of the rows (mapping_id, item_id, item_key, key) whose description is the line's; or
 * else the first that may have been written of the same thing. -1: none. */
static int find_called(const struct booking *b, const PGresult *r)
{
	for (int least = WORDS_SAME + 1; least > WORDS_APART; least -= WORDS_SAME)
		for (int i = 0; i < PQntuples(r); i++) {
			const char *known = PQgetvalue(r, i, 2), *key = PQgetvalue(r, i, 3);
			if (strcmp(known, key) == 0 ||
			    (least <= WORDS_SAME &&
			     words_compare(b->ref->words, known, key) >= WORDS_SHORTENED))
				return i;
		}
	return -1;
}

/* This vendor had this very thing before: by its number, or by its words where it has none. */
static int find_mapping(struct booking *b)
{
	const struct reference_line *l = b->line;
	PGresult *r = ask(b->ref,
			  "SELECT mapping_id, item_id, item_key, weir.item_key($5)"
			  " FROM reference.vendor_item_mappings WHERE user_id = $1"
			  " AND vendor_id = $2 AND base_unit = $3 AND"
			  " CASE WHEN $4 = '' THEN item_key = weir.item_key($5)"
			  " ELSE item_number = $4 END ORDER BY mapping_id",
			  b->invoice->user_id, b->vendor, l->base_unit,
			  l->item_number ? l->item_number : "", l->description);
	if (!r)
		return -1;
	int found = find_called(b, r);
	b->in_doubt = found < 0 && PQntuples(r) > 0; /* the number is another thing's */
	if (found >= 0) {
		snprintf(b->mapping, sizeof b->mapping, "%s", PQgetvalue(r, found, 0));
		snprintf(b->item, sizeof b->item, "%s", PQgetvalue(r, found, 1));
		b->match = "exact";
	}
	PQclear(r);
	return found >= 0;
}

/* Of an item i: whether the vendor $2 calls it by another number than $5, and whether it was made
 * for a line that is in doubt. */
#define DOUBTS                                                                                     \
	" EXISTS (SELECT FROM reference.vendor_item_mappings AS o WHERE o.item_id = i.item_id"     \
	"  AND o.vendor_id = $2 AND $5 <> '' AND o.item_number <> '' AND o.item_number <> $5),"    \
	" EXISTS (SELECT FROM reference.vendor_item_mappings AS o WHERE o.item_id = i.item_id"     \
	"  AND o.match = 'new' AND o.needs_review)"

static bool is_true(const PGresult *r, int row, int column)
{
	return *PQgetvalue(r, row, column) == 't';
}

/* An item that is called exactly so: what this vendor called so first, or else what anybody did. */
static int find_same_words(struct booking *b)
{
	const struct reference_line *l = b->line;
	PGresult *r = ask(b->ref,
			  "SELECT i.item_id, coalesce(m.needs_review, false)," DOUBTS
			  " FROM reference.inventory_items AS i"
			  " LEFT JOIN reference.vendor_item_mappings AS m ON m.item_id = i.item_id"
			  "  AND m.vendor_id = $2 AND m.item_key = weir.item_key($4)"
			  " WHERE i.user_id = $1 AND i.base_unit = $3"
			  " AND (m.mapping_id IS NOT NULL OR i.item_key = weir.item_key($4))"
			  " ORDER BY m.mapping_id LIMIT 1",
			  b->invoice->user_id, b->vendor, l->base_unit, l->description,
			  l->item_number ? l->item_number : "");
	int found = r ? PQntuples(r) > 0 : -1;
	if (found == 1) {
		snprintf(b->item, sizeof b->item, "%s", PQgetvalue(r, 0, 0));
		for (int column = 1; column <= 3; column++)
			b->in_doubt = b->in_doubt || is_true(r, 0, column);
	}
	PQclear(r);
	b->match = "exact";
	return found;
}

/* Of rows (item_id, item_key, key, similarity, has another number) in the order of their likeness,
 * the first that is called the same. *sure: how many need no second look. -1: none. */
static int find_twin(const struct booking *b, const PGresult *r, int *sure)
{
	int first = -1, first_sure = -1;
	*sure = 0;
	for (int i = 0; i < PQntuples(r); i++) {
		enum words_verdict v =
			words_compare(b->ref->words, PQgetvalue(r, i, 1), PQgetvalue(r, i, 2));
		if (v < WORDS_LIKELY || is_true(r, i, 4))
			continue;
		first = first < 0 ? i : first;
		if (v < WORDS_SAME || strtof(PQgetvalue(r, i, 3), NULL) < AUTO_LEAST)
			continue;
		first_sure = first_sure < 0 ? i : first_sure;
		(*sure)++;
	}
	return first_sure < 0 ? first : first_sure;
}

/* The item that is called the same, in other words of one kind or the other. What is only like the
 * line puts it in doubt. */
static int find_similar(struct booking *b)
{
	const struct reference_line *l = b->line;
	PGresult *r = ask(b->ref,
			  "SELECT i.item_id, i.item_key, weir.item_key($4),"
			  " similarity(i.item_key, weir.item_key($4))," DOUBTS
			  " FROM reference.inventory_items AS i"
			  " WHERE i.user_id = $1 AND i.base_unit = $3"
			  " AND similarity(i.item_key, weir.item_key($4)) >= 0.6::real"
			  " ORDER BY 4 DESC, i.item_id LIMIT 20",
			  b->invoice->user_id, b->vendor, l->base_unit, l->description,
			  l->item_number ? l->item_number : "");
	if (!r)
		return -1;
	int sure, found = find_twin(b, r, &sure);
	if (found >= 0) {
		b->in_doubt = b->in_doubt || sure != 1 || is_true(r, found, 5);
		b->match = b->in_doubt ? "fuzzy_review" : "fuzzy_auto";
		snprintf(b->item, sizeof b->item, "%s", PQgetvalue(r, found, 0));
		snprintf(b->similarity, sizeof b->similarity, "%s", PQgetvalue(r, found, 3));
	}
	b->in_doubt = b->in_doubt || (found < 0 && PQntuples(r) > 0);
	PQclear(r);
	return found >= 0;
}

static int make_item(struct booking *b)
{
	const struct reference_line *l = b->line;
	b->match = "new";
	return take_id(ask(b->ref,
			   "INSERT INTO reference.inventory_items (user_id, description, item_key,"
			   " base_unit, category) VALUES ($1, $2, weir.item_key($2), $3, $4)"
			   " RETURNING item_id",
			   b->invoice->user_id, l->description, l->base_unit, l->category),
		       b->item);
}

static int make_mapping(struct booking *b)
{
	const struct reference_line *l = b->line;
	return take_id(ask(b->ref,
			   "INSERT INTO reference.vendor_item_mappings (user_id, vendor_id,"
			   " item_number, description, item_key, base_unit, item_id, match,"
			   " similarity, needs_review) VALUES ($1, $2, coalesce($3, ''), $4,"
			   " weir.item_key($4), $5, $6, $7, nullif($8, '')::real,"
			   " $9) RETURNING mapping_id",
			   b->invoice->user_id, b->vendor, l->item_number, l->description,
			   l->base_unit, b->item, b->match, b->similarity, b->in_doubt ? "t" : "f"),
		       b->mapping);
}

/* In this order; the first that finds something decides. */
static int map_line(struct booking *b)
{
	static int (*const ways[])(struct booking *) = {find_same_words, find_similar, make_item};
	int found = find_mapping(b);
	if (found != 0)
		return found == 1 ? 0 : -1;
	for (size_t i = 0; found == 0; i++)
		found = ways[i](b);
	return found == 1 && make_mapping(b) == 1 ? 0 : -1;
}

/* ---- what the line changes ---- */

static int insert_transaction(struct booking *b)
{
	const struct reference_invoice *in = b->invoice;
	const struct reference_line *l = b->line;
	return done(
		ask(b->ref,
		    "INSERT INTO reference.inventory_transactions (user_id, invoice_id, line,"
		    " kind, vendor_id, item_id, mapping_id, match, invoice_number,"
		    " invoice_date, currency, description, pack_size, quantity, unit_price,"
		    " total_cost, pack_units, quantity_change, unit_cost, ordered, weight, uom)"
		    " SELECT $1, $2, $3::integer, $4, $5::bigint, $6::bigint, $7::bigint, $8, $9,"
		    " $10::date, $11, $12, $13, quantity, price,"
		    " coalesce($19::numeric, quantity * price), units, quantity * units,"
		    " round(price / units, 10), coalesce($20::numeric, quantity), $21::numeric, $22"
		    " FROM (SELECT $14::numeric AS quantity, $15::numeric AS price,"
		    "  $16::numeric * $17::numeric * $18::numeric AS units) AS n",
		    in->user_id, in->invoice_id, b->number, l->credit ? "credit" : "purchase",
		    b->vendor, b->item, b->mapping, b->match, in->invoice_number, in->invoice_date,
		    in->currency, l->description, l->pack_size, l->quantity, l->unit_price,
		    l->pack_count, l->pack_each, l->unit_factor, l->total, l->ordered, l->weight,
		    l->uom));
}

/* A price before others; texts, or NULL when there is none. */
struct previous {
	PGresult *row;
	const char *price, *pack_units;
};

/* The newest price of the line's item before a date. The caller clears its row. 0 or -1. */
static int find_previous(struct booking *b, const char *date, struct previous *p)
{
	const struct reference_invoice *in = b->invoice;
	*p = (struct previous){0};
	p->row = ask(b->ref,
		     "SELECT price, pack_units FROM reference.price_history WHERE user_id = $1"
		     " AND item_id = $2 AND vendor_id = $3 AND currency = $4 AND invoice_date < $5"
		     " ORDER BY invoice_date DESC, invoice_id DESC, line DESC LIMIT 1",
		     in->user_id, b->item, b->vendor, in->currency, date);
	if (p->row && PQntuples(p->row) > 0) {
		p->price = PQgetvalue(p->row, 0, 0);
		p->pack_units = PQgetvalue(p->row, 0, 1);
	}
	return p->row ? 0 : -1;
}

static int insert_price(struct booking *b)
{
	const struct reference_invoice *in = b->invoice;
	const struct reference_line *l = b->line;
	struct previous p;
	int rc = find_previous(b, in->invoice_date, &p);
	if (rc == 0)
		rc = done(ask(b->ref,
			      "INSERT INTO reference.price_history (user_id, invoice_id, line,"
			      " item_id, vendor_id, currency, invoice_date, price, pack_units,"
			      " previous_price, previous_pack_units, is_price_increase,"
			      " price_change_percent) SELECT $1, $2, $3::integer, $4::bigint,"
			      " $5::bigint, $6, $7::date, price, units, price0, units0,"
			      " price * units0 > price0 * units,"
			      " round(100 * (price * units0 - price0 * units)"
			      "  / nullif(price0 * units, 0), 4)"
			      " FROM (SELECT $8::numeric AS price, $12::numeric AS price0,"
			      "  $9::numeric * $10::numeric * $11::numeric AS units,"
			      "  $13::numeric AS units0) AS n",
			      in->user_id, in->invoice_id, b->number, b->item, b->vendor,
			      in->currency, in->invoice_date, l->unit_price, l->pack_count,
			      l->pack_each, l->unit_factor, p.price, p.pack_units));
	PQclear(p.row);
	return rc;
}

/* The line's price may be the one before those of the next date there is: these are derived again.
 */
static int derive_next_date(struct booking *b)
{
	const struct reference_invoice *in = b->invoice;
	struct previous p = {0};
	char date[ID_SIZE];
	int found = take_id(ask(b->ref,
				"SELECT invoice_date FROM reference.price_history"
				" WHERE user_id = $1 AND item_id = $2 AND vendor_id = $3"
				" AND currency = $4 AND invoice_date > $5"
				" ORDER BY invoice_date LIMIT 1",
				in->user_id, b->item, b->vendor, in->currency, in->invoice_date),
			    date);
	if (found != 1)
		return found;
	int rc = find_previous(b, date, &p);
	if (rc == 0)
		rc = done(ask(b->ref,
			      "UPDATE reference.price_history SET previous_price = $6,"
			      " previous_pack_units = $7,"
			      " is_price_increase = price * $7::numeric > $6::numeric * pack_units,"
			      " price_change_percent = round(100 * (price * $7::numeric"
			      "  - $6::numeric * pack_units)"
			      "  / nullif($6::numeric * pack_units, 0), 4)"
			      " WHERE user_id = $1 AND item_id = $2 AND vendor_id = $3"
			      " AND currency = $4 AND invoice_date = $5",
			      in->user_id, b->item, b->vendor, in->currency, date, p.price,
			      p.pack_units));
	PQclear(p.row);
	return rc;
}

static bool is_zero(const char *number) { return strspn(number, "0.") == strlen(number); }

/* What comes back was no purchase, and neither was nothing, or what was free. */
static int is_purchase(const struct reference_line *l)
{
	return !l->credit && !is_zero(l->quantity) && !is_zero(l->unit_price);
}

/* Of the last purchase that stands there and this line, the newer one is kept. */
static int update_item(struct booking *b)
{
	const struct reference_invoice *in = b->invoice;
	const struct reference_line *l = b->line;
	if (!is_purchase(l))
		return done(ask(b->ref,
				"UPDATE reference.inventory_items SET quantity = quantity"
				" + $3::numeric * $4::numeric * $5::numeric * $6::numeric"
				" WHERE user_id = $1 AND item_id = $2",
				in->user_id, b->item, l->quantity, l->pack_count, l->pack_each,
				l->unit_factor));
	return done(
		ask(b->ref,
		    "UPDATE reference.inventory_items AS i SET quantity = quantity"
		    " + $3::numeric * $4::numeric * $5::numeric * $6::numeric,"
		    " (last_purchase_date, last_purchase_invoice, last_purchase_line,"
		    " last_purchase_price, last_purchase_currency, last_purchase_pack_units)"
		    " = (SELECT * FROM (VALUES (i.last_purchase_date, i.last_purchase_invoice,"
		    "  i.last_purchase_line, i.last_purchase_price, i.last_purchase_currency,"
		    "  i.last_purchase_pack_units), ($7::date, $8, $9::integer, $10::numeric, $11,"
		    "  $4::numeric * $5::numeric * $6::numeric))"
		    "  AS p(date, invoice, line, price, currency, units) WHERE date IS NOT NULL"
		    "  ORDER BY date DESC, invoice COLLATE \"C\" DESC, line DESC LIMIT 1)"
		    " WHERE user_id = $1 AND item_id = $2",
		    in->user_id, b->item, l->quantity, l->pack_count, l->pack_each, l->unit_factor,
		    in->invoice_date, in->invoice_id, b->number, l->unit_price, in->currency));
}

static int book_charge(struct booking *b)
{
	const struct reference_invoice *in = b->invoice;
	const struct reference_line *l = b->line;
	return done(ask(b->ref,
			"INSERT INTO reference.invoice_charges (user_id, invoice_id, line, kind,"
			" told_by, vendor_id, invoice_number, invoice_date, currency, item_number,"
			" description, quantity, unit_price, amount) VALUES ($1, $2, $3::integer,"
			" $4, $5, $6::bigint, $7, $8::date, $9, $10, $11, $12::numeric,"
			" $13::numeric, coalesce($14::numeric, $12::numeric * $13::numeric))",
			in->user_id, in->invoice_id, b->number, l->charge, l->told_by, b->vendor,
			in->invoice_number, in->invoice_date, in->currency, l->item_number,
			l->description, l->quantity, l->unit_price, l->total));
}

static int book_line(struct booking *b)
{
	if (b->line->charge)
		return book_charge(b);
	if (map_line(b) < 0 || insert_transaction(b) < 0)
		return -1;
	if (is_purchase(b->line) && (insert_price(b) < 0 || derive_next_date(b) < 0))
		return -1;
	return update_item(b);
}

int reference_book(struct reference *ref, const struct reference_invoice *invoice)
{
	struct booking vendor = {.ref = ref, .invoice = invoice};
	if (find_or_make_vendor(&vendor) < 0)
		return -1;
	for (size_t i = 0; i < invoice->size; i++) {
		struct booking b = vendor;
		b.line = &invoice->lines[i];
		snprintf(b.number, sizeof b.number, "%zu", i + 1);
		if (book_line(&b) < 0)
			return -1;
	}
	return 0;
}

/* ---- its tables ---- */

int reference_empty(struct reference *ref)
{
	static const char *const tables[] = {"vendors",
					     "inventory_items",
					     "vendor_item_mappings",
					     "inventory_transactions",
					     "price_history",
					     "invoice_charges"};
	char sql[256];
	int rc = done(ask_all(ref, "DROP SCHEMA IF EXISTS reference CASCADE", 0, NULL));
	if (rc == 0)
		rc = done(ask_all(ref, "CREATE SCHEMA reference", 0, NULL));
	for (size_t i = 0; i < sizeof tables / sizeof *tables && rc == 0; i++) {
		snprintf(sql, sizeof sql, "CREATE TABLE reference.%s (LIKE weir.%s INCLUDING ALL)",
			 tables[i], tables[i]);
		rc = done(ask_all(ref, sql, 0, NULL));
	}
	return rc;
}

static void ignore(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

struct reference *reference_open(const char *url)
{
	struct reference *ref = calloc(1, sizeof *ref);
	if (!ref)
		return NULL;
	ref->db = PQconnectdb(url);
	if (PQstatus(ref->db) == CONNECTION_OK) {
		PQsetNoticeProcessor(ref->db, ignore, NULL);
		ref->words = words_open(ref->db);
		if (ref->words)
			return ref;
	}
	fprintf(stderr, "reference: %s", PQerrorMessage(ref->db));
	reference_close(ref);
	return NULL;
}

void reference_close(struct reference *ref)
{
	if (!ref)
		return;
	words_close(ref->words);
	PQfinish(ref->db);
	free(ref);
}

int64_t reference_queries(const struct reference *ref) { return ref->queries; }
