/* The kind `invoice`: books suppliers' invoices into the inventory of their user, with exact money.
 * Here the lines are read and checked, each by itself; what they are booked as is found out and
 * written by one call of weir.book_invoices() (schemas/sql) for all invoices of a flush. */
#include <stdlib.h>
#include <string.h>

#include "invoice.h"
#include "kit.h"

struct options {
	int64_t fuzzy_auto, fuzzy_review; /* percent */
	char *duplicate;
};

#define AT(field) offsetof(struct options, field)

static const struct weir_option options[] = {
	{.name = "fuzzy-auto",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(fuzzy_auto),
	 .preset = "85",
	 .least = 1,
	 .most = 100,
	 .unit = "PERCENT",
	 .help = "Descriptions at least so similar are the same item, if each word of one is in "
		 "the "
		 "other."},
	{.name = "fuzzy-review",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(fuzzy_review),
	 .preset = "60",
	 .least = 1,
	 .most = 100,
	 .unit = "PERCENT",
	 .help = "Items at least so similar are what a line may be, for a person to review; less "
		 "similar ones are not looked at."},
	{.name = "duplicate",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(duplicate),
	 .preset = "warn",
	 .unit = "warn|refuse",
	 .help = "What becomes of an invoice that is booked under another custom_id: a vendor's "
		 "number, whatever its case, blanks, signs and zeros in front."},
	{.type = WEIR_OPTION_END},
};

struct state {
	const struct weir_host *host;
	struct invoice_rules rules;
};

static int open_plugin(const struct weir_host *host, const void *config, void **out,
		       struct weir_error *err)
{
	const struct options *o = config;
	if (o->fuzzy_review > o->fuzzy_auto)
		return plugin_fail(err, "bad_value",
				   "invoice.fuzzy-review (%d) must not be above "
				   "invoice.fuzzy-auto (%d)",
				   (int)o->fuzzy_review, (int)o->fuzzy_auto);
	bool refuse = strcmp(o->duplicate, "refuse") == 0;
	if (!refuse && strcmp(o->duplicate, "warn") != 0)
		return plugin_fail(err, "bad_value",
				   "invoice.duplicate must be warn or refuse, not \"%.60s\"",
				   o->duplicate);
	struct state *s = malloc(sizeof *s);
	if (!s)
		return plugin_fail_memory(err);
	s->host = host;
	s->rules = (struct invoice_rules){.automatic = (int)o->fuzzy_auto,
					  .review = (int)o->fuzzy_review,
					  .refuse_duplicates = refuse};
	*out = s;
	return 0;
}

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct state *s = state;
	struct invoice inv;
	return invoice_open(&inv, s->host, item, err);
}

/* ---- work ---- */

static void refuse(const struct state *s, struct weir_work work, const struct invoice *inv)
{
	struct out result = OUT_INIT;
	struct invoice_lists lists = INVOICE_LISTS_INIT;
	struct weir_verdict v = {.outcome = WEIR_REJECT};
	invoice_write_failed(inv, &lists, &result, &v.error);
	if (result.failed) {
		v.outcome = WEIR_RETRY;
		plugin_fail_memory(&v.error);
	} else {
		v.result = (struct weir_text){result.data, result.size};
	}
	s->host->complete(s->host, work, &v);
	out_release(&result);
	lists_release(&lists);
}

/* The result is made where the invoice is booked. */
static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct state *s = state;
	struct invoice inv;
	struct weir_verdict v = {.outcome = WEIR_DONE};
	if (invoice_open(&inv, s->host, item, &v.error) < 0)
		v.outcome = WEIR_REJECT;
	else if (!invoice_has_good_line(&inv)) {
		refuse(s, work, &inv);
		return;
	}
	s->host->complete(s->host, work, &v);
}

/* ---- storing ---- */

static const char book[] = "SELECT pos, result, refused FROM"
			   " weir.book_invoices($1::int4[], $2::text[], $3::text[], $4::text[])";

/* The parameters of the statement. user and json lie one after the other in `texts`. */
struct columns {
	int32_t *pos;
	struct weir_text *user, *id, *json;
	struct out texts;
};

static int columns_open(struct columns *c, size_t n, struct weir_error *err)
{
	*c = (struct columns){.pos = calloc(n, sizeof *c->pos),
			      .user = calloc(n, sizeof *c->user),
			      .id = calloc(n, sizeof *c->id),
			      .json = calloc(n, sizeof *c->json),
			      .texts = OUT_INIT};
	if (c->pos && c->user && c->id && c->json)
		return 0;
	return plugin_fail_memory(err);
}

static void columns_release(struct columns *c)
{
	free(c->pos);
	free(c->user);
	free(c->id);
	free(c->json);
	out_release(&c->texts);
}

static int add_invoice(const struct state *s, struct columns *c, struct invoice_lists *lists,
		       const struct weir_item *item, size_t i, struct weir_error *err)
{
	struct invoice inv;
	if (invoice_open(&inv, s->host, item, err) < 0)
		return -1;
	c->pos[i] = (int32_t)i;
	c->id[i] = item->custom_id;
	c->user[i].size = inv.user_id.size;
	out_add(&c->texts, inv.user_id.data, inv.user_id.size);
	size_t from = c->texts.size;
	invoice_write(&inv, &s->rules, lists, &c->texts);
	if (c->texts.failed)
		return plugin_fail_memory(err);
	c->json[i].size = c->texts.size - from - 1; /* without the comma */
	return 0;
}

/* Now that the texts no longer move. */
static void point_into(struct columns *c, size_t n)
{
	const char *at = c->texts.data;
	for (size_t i = 0; i < n; i++) {
		c->user[i].data = at;
		at += c->user[i].size;
		c->json[i].data = at;
		at += c->json[i].size + 1;
	}
}

static int send(const struct state *s, struct weir_tx *tx, const struct columns *c, size_t n,
		struct weir_error *err)
{
	const struct weir_column columns[] = {{WEIR_INT4, c->pos},
					      {WEIR_TEXT, c->user},
					      {WEIR_TEXT, c->id},
					      {WEIR_JSON, c->json}};
	const struct weir_statement statement = {
		.sql = book,
		.columns = columns,
		.column_count = sizeof columns / sizeof *columns,
		.count = n,
		.missing_code = "no_good_line",
		.missing_text =
			"no line of the invoice could be booked: refused by the database, there "
			"with other content, or a duplicate; see its result",
	};
	return s->host->tx_results(tx, &statement, err);
}

static int store(void *state, struct weir_tx *tx, const struct weir_result *results, size_t n,
		 struct weir_error *err)
{
	struct columns c;
	struct invoice_lists lists = INVOICE_LISTS_INIT;
	int rc = columns_open(&c, n, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_invoice(state, &c, &lists, results[i].item, i, err);
	if (rc == 0) {
		point_into(&c, n);
		rc = send(state, tx, &c, n, err);
	}
	columns_release(&c);
	lists_release(&lists);
	return rc;
}

static void close_plugin(void *state) { free(state); }

/* ---- what it tells ---- */

/* Of these only the first and line_items[] are refused as a whole: a bad line fails alone. */
#define NUMBERS (WEIR_IS_TEXT | WEIR_IS_NUMBER)
#define NAMES (WEIR_IS_TEXT | WEIR_IS_INTEGER)
#define FLAGS (WEIR_IS_FLAG | WEIR_IS_TEXT | WEIR_IS_INTEGER)

static const struct weir_field payload[] = {
	{"invoice", WEIR_IS_MAP, WEIR_REQUIRED, "the head"},
	{"invoice.vendor_name", WEIR_IS_TEXT, WEIR_REQUIRED, "the supplier"},
	{"invoice.invoice_number", NAMES, WEIR_REQUIRED, "the supplier's"},
	{"invoice.invoice_date", WEIR_IS_TEXT, WEIR_REQUIRED, "YYYY-MM-DD"},
	{"invoice.currency", WEIR_IS_TEXT, WEIR_REQUIRED, "its code, USD"},
	{"invoice.invoice_total", NUMBERS, WEIR_OPTIONAL, "what its lines have to come to"},
	{"invoice.credit_note", FLAGS, WEIR_OPTIONAL, "of all lines; preset false"},
	{"line_items", WEIR_IS_LIST, WEIR_REQUIRED, "the lines; in CSV a row each"},
	{"line_items[].description", WEIR_IS_TEXT, WEIR_REQUIRED, "what was bought"},
	{"line_items[].quantity", NUMBERS, WEIR_REQUIRED, "ordered units"},
	{"line_items[].unit_price", NUMBERS, WEIR_REQUIRED, "of an ordered unit"},
	{"line_items[].item_number", NAMES, WEIR_OPTIONAL, "the supplier's"},
	{"line_items[].pack_size", WEIR_IS_TEXT, WEIR_OPTIONAL, "of an ordered unit, 4/1 GAL"},
	{"line_items[].uom", WEIR_IS_TEXT, WEIR_OPTIONAL, "of the quantity: CS, EA, LB, ..."},
	{"line_items[].weight", NUMBERS, WEIR_OPTIONAL, "of all of it: 27.43, or 12.4 KG"},
	{"line_items[].extended_price", NUMBERS, WEIR_OPTIONAL, "what is billed for the line"},
	{"line_items[].line_type", WEIR_IS_TEXT, WEIR_OPTIONAL,
	 "item, or a charge: tax, freight, ..."},
	{"line_items[].category", WEIR_IS_TEXT, WEIR_OPTIONAL, "kept with the item"},
	{"line_items[].credit_note", FLAGS, WEIR_OPTIONAL, "of this line; preset false"},
	{0},
};

static const struct weir_field context[] = {
	{"user_id", NAMES, WEIR_REQUIRED, "whose inventory the invoice is booked into"},
	{0},
};

static const struct weir_field tables[] = {
	{"weir.vendors", 0, WEIR_OPTIONAL, "suppliers of a user"},
	{"weir.inventory_items", 0, WEIR_OPTIONAL, "items of a user"},
	{"weir.vendor_item_mappings", 0, WEIR_OPTIONAL, "which line is which item"},
	{"weir.inventory_transactions", 0, WEIR_OPTIONAL, "lines that are booked"},
	{"weir.price_history", 0, WEIR_OPTIONAL, "purchases, and the price before each"},
	{"weir.invoices", 0, WEIR_OPTIONAL, "invoices that are booked"},
	{"weir.invoice_charges", 0, WEIR_OPTIONAL, "lines that are no goods: tax, freight, ..."},
	{0},
};

static const struct weir_field result[] = {
	{"status", WEIR_IS_TEXT, WEIR_REQUIRED, "success, partial_success or failed"},
	{"items_processed", WEIR_IS_INTEGER, WEIR_REQUIRED, "lines that are booked"},
	{"items_failed", WEIR_IS_INTEGER, WEIR_REQUIRED, "lines that are not; see failed_items"},
	{"inventory_items_created", WEIR_IS_INTEGER, WEIR_REQUIRED, "and _updated"},
	{"exact_matches", WEIR_IS_INTEGER, WEIR_REQUIRED,
	 "and fuzzy_matches: lines of known items"},
	{"total_cost", WEIR_IS_TEXT, WEIR_REQUIRED, "of what is booked, exact, in currency"},
	{"charges_processed", WEIR_IS_INTEGER, WEIR_REQUIRED, "charges that are booked"},
	{"charges_total", WEIR_IS_TEXT, WEIR_REQUIRED, "of these, exact, in currency"},
	{"invoice_total_difference", WEIR_IS_TEXT, WEIR_OPTIONAL,
	 "what is booked less invoice_total, where it is not the same"},
	{"duplicate_of", WEIR_IS_TEXT, WEIR_OPTIONAL, "the custom_id it is booked under as well"},
	{"price_increases", WEIR_IS_INTEGER, WEIR_REQUIRED, "and price_decreases"},
	{"review", WEIR_IS_LIST, WEIR_REQUIRED, "lines that a person has to look at"},
	{"failed_items", WEIR_IS_LIST, WEIR_REQUIRED, "each bad line, and why"},
	{"warnings", WEIR_IS_LIST, WEIR_REQUIRED, "lines that are booked, and what is odd"},
	{0},
};

static const struct weir_about about = {
	.payload = payload, .context = context, .tables = tables, .results = result};

/* ---- the plugin ---- */

static const char *const head[] = {"vendor_name", "invoice_number", "invoice_date",
				   "currency",	  "invoice_total",  NULL};

static const struct weir_rows rows = {
	.head_key = "invoice", .head = head, .rows_key = "line_items"};

const struct weir_plugin *weir_plugin(void);

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "invoice",
		.version = "1.0",
		.summary = "books suppliers' invoices into an inventory, with exact money",
		.options = options,
		.config_size = sizeof(struct options),
		.open = open_plugin,
		.check = check,
		.process = process,
		.store = store,
		.close = close_plugin,
		.sample = "{\"custom_id\":\"invoice_id_4711\",\"invoice\":{\"vendor_name\":"
			  "\"Valley Farms\",\"invoice_number\":\"VF-2031\",\"invoice_date\":"
			  "\"2025-03-14\",\"currency\":\"USD\",\"invoice_total\":\"46.00\"},\"line_"
			  "items\":[{\"item_number\":"
			  "\"10442\",\"description\":\"Whole milk\",\"quantity\":\"3\","
			  "\"unit_price\":\"12.50\",\"pack_size\":\"4/1 GAL\",\"category\":"
			  "\"Dairy\",\"uom\":\"CS\",\"extended_price\":\"37.50\"},"
			  "{\"description\":\"Fuel surcharge\",\"line_type\":\"fuel_surcharge\","
			  "\"quantity\":\"1\",\"unit_price\":\"8.50\"}]}",
		.rows = &rows,
		.about = &about,
	};
	return &plugin;
}
