#include "invoices.h"

#include <string.h>

#define COUNT(LIST) ((int)(sizeof(LIST) / sizeof *(LIST)))
#define HOT 12		 /* things that half of all lines are about */
#define SLOWEST_MS 2.0	 /* of a line */
#define REFUSED "cursed" /* a pack that the database does not take */

static const char *const users[INVOICE_FAMILIES][2] = {{"cafe-1", "7"}, {"bar", "cafe-10"}};

static const char *const vendors[][2] = {{"Northfield Foods", "NORTHFIELD FOODS"},
					 {"Kessler & Sons", "Kessler, Sons."},
					 {"Blue Door Paper", "BLUE-DOOR PAPER"}};

static const struct pack {
	const char *text, *units, *base_unit;
} packs[][3] = {
	{{"4/1 GAL", "15141.647136", "ml"}, {"6x500ml", "3000", "ml"}, {"2.5 L", "2500", "ml"}},
	{{"10 LB", "4535.9237", "g"}, {"24/12 OZ", "8164.66266", "g"}, {"2.5 kg", "2500", "g"}},
	{{"2 DZ", "24", "each"}, {"12 CT", "12", "each"}, {NULL, "1", "each"}},
};

static const char *const faults[] = {
	"missing_description", "bad_quantity", "bad_price",	    "negative_price",
	"bad_item_number",     "bad_line",     "negative_quantity", "store"};

/* ---- making ---- */

static void make_word(struct chance *c, char out[8])
{
	static const char consonants[] = "bdfgklmnprstvz", vowels[] = "aeiou";
	for (int i = 0; i < 6; i += 2) {
		out[i] = consonants[chance_between(c, 0, (int)sizeof consonants - 2)];
		out[i + 1] = vowels[chance_between(c, 0, (int)sizeof vowels - 2)];
	}
	out[6] = '\0';
}

/* The same but for case and punctuation, in another order, or with a slip in one word. */
static void make_name(uint64_t seed, int thing, int way, char out[40])
{
	char w[3][8];
	struct chance c = chance_of(seed, "thing", thing);
	for (int i = 0; i < 3; i++)
		make_word(&c, w[i]);
	switch (way) {
	case 0:
		snprintf(out, 40, "%.6s %.6s %.6s", w[0], w[1], w[2]);
		break;
	case 1:
		snprintf(out, 40, "%c%.6s, %.6s-%.6s.", w[0][0] - 'a' + 'A', w[0] + 1, w[1], w[2]);
		break;
	case 2:
		snprintf(out, 40, "%.6s %.6s %.6s", w[2], w[0], w[1]);
		break;
	default:
		w[1][2] = w[1][2] == 'z' ? 'a' : (char)(w[1][2] + 1);
		snprintf(out, 40, "%.6s %.6s %.6s", w[0], w[1], w[2]);
	}
}

/* Few prices, so that some stay as they were; some things are free. */
static int make_price(struct chance *c)
{
	static const int ends[] = {0, 5000, 9900, 3333};
	return 10000 * chance_between(c, 0, 9) + ends[chance_between(c, 0, COUNT(ends) - 1)];
}

static bool has_fault(const struct invoice_line *line, const char *fault)
{
	return line->fault && strcmp(line->fault, fault) == 0;
}

/* What stands in a bad line where it is good is no different from what would stand there else. */
static void make_line(struct invoice_line *line, const struct load *l, struct chance *c, int things,
		      bool credit)
{
	int way = chance_between(c, 0, 3), family = chance_between(c, 0, 19);
	line->thing = chance_between(c, 0, chance_between(c, 0, 1) ? HOT : things);
	make_name(l->seed, line->thing, way, line->name);
	line->numbered = chance_between(c, 0, 1);
	line->credit = chance_between(c, 0, 11) == 0 || credit;
	line->quantity = chance_between(c, 1, 40) * 1000 + chance_between(c, 0, 7) * 125;
	line->quantity *= line->credit ? -1 : 1;
	line->price = make_price(c);
	int fault = chance_between(c, 0, 40 * COUNT(faults));
	line->fault = fault < COUNT(faults) ? faults[fault] : NULL;
	if (has_fault(line, "negative_quantity") && line->credit)
		line->fault = "positive_credit";
	/* Mostly in the unit in which it comes; never as if its pack were not understood. */
	if (has_fault(line, "store") || family >= COUNT(packs))
		family = line->thing % (has_fault(line, "store") ? 2 : COUNT(packs));
	const struct pack *p = &packs[family][chance_between(c, 0, COUNT(*packs) - 1)];
	line->pack = p->text;
	line->pack_units = p->units;
	line->base_unit = p->base_unit;
}

static void make_head(struct invoice *in, struct chance *c, int family)
{
	unsigned day = (unsigned)chance_between(c, 0, 55);
	in->user = users[family][chance_between(c, 0, 1)];
	in->vendor = chance_between(c, 0, COUNT(vendors) - 1);
	in->vendor_name = vendors[in->vendor][chance_between(c, 0, 1)];
	in->currency = chance_between(c, 0, 7) ? "USD" : "EUR";
	in->credit_note = chance_between(c, 0, 11) == 0;
	snprintf(in->day, sizeof in->day, "2024-%02u-%02u", 1 + day / 28, 1 + day % 28);
	in->size = chance_between(c, 0, 39) ? chance_between(c, 1, 7) : INVOICE_LINES;
}

/* Some have a date that there is not, which is the fault of each line. Half of all that is bad is
 * corrected, line by line, in each order anew. */
static void make_faults(struct invoice *in, struct chance *c, struct chance *corrections)
{
	bool dated = chance_between(c, 0, 49) || chance_between(corrections, 0, 1);
	if (!dated)
		snprintf(in->day, sizeof in->day, "2024-02-30");
	for (int i = 0; i < in->size; i++) {
		struct invoice_line *line = &in->lines[i];
		if (chance_between(corrections, 0, 1))
			line->fault = NULL;
		if (!dated)
			line->fault = "bad_date";
		in->good += !line->fault;
	}
}

void invoice_make(struct invoice *in, const struct load *l, const struct order *o, int ordinal)
{
	/* Every other order has them the other way round. */
	int number = o->first + (o->number % 2 ? ordinal : o->size - 1 - ordinal);
	int64_t position = (int64_t)number * INVOICE_FAMILIES + o->family;
	struct chance c = chance_of(l->seed, "invoice", position);
	struct chance corrections = chance_of(l->seed, "correction", position << 16 | o->number);
	in->size = in->good = 0;
	snprintf(in->id, sizeof in->id, "invoice_id_%d", number);
	make_head(in, &c, o->family);
	for (int i = 0; i < in->size; i++)
		make_line(&in->lines[i], l, &c, HOT + number / 4, in->credit_note);
	make_faults(in, &c, &corrections);
}

/* ---- writing ---- */

/* As text or, every other time, as a number. */
static void write_decimal(FILE *f, const char *name, int value, int one, int digits, bool number)
{
	const char *quote = number ? "" : "\"";
	fprintf(f, ",\"%s\":%s%s%d.%0*d%s", name, quote, value < 0 ? "-" : "",
		(value < 0 ? -value : value) / one, digits, (value < 0 ? -value : value) % one,
		quote);
}

static void write_quantity(FILE *f, const struct invoice_line *line)
{
	bool wrong = has_fault(line, "negative_quantity") || has_fault(line, "positive_credit");
	int quantity = wrong ? -line->quantity : line->quantity;
	if (has_fault(line, "bad_quantity"))
		fputs(",\"quantity\":\"three\"", f);
	else
		write_decimal(f, "quantity", quantity, 1000, 3, line->thing % 2);
}

static void write_price(FILE *f, const struct invoice_line *line)
{
	int price = has_fault(line, "negative_price") ? -line->price - 1 : line->price;
	if (has_fault(line, "bad_price"))
		fputs(",\"unit_price\":\"1.2.3\"", f);
	else
		write_decimal(f, "unit_price", price, 10000, 4, line->thing % 3);
}

static void write_line(FILE *f, const struct invoice *in, const struct invoice_line *line)
{
	const char *pack = has_fault(line, "store") ? REFUSED : line->pack;
	if (has_fault(line, "bad_line")) {
		fputs("\"a line\"", f);
		return;
	}
	fprintf(f, "{\"description\":\"%s\"",
		has_fault(line, "missing_description") ? "" : line->name);
	if (has_fault(line, "bad_item_number"))
		fputs(",\"item_number\":\"a\\u0007b\"", f);
	else if (line->numbered)
		fprintf(f, ",\"item_number\":\"N-%d\"", line->thing);
	if (pack)
		fprintf(f, ",\"pack_size\":\"%s\"", pack);
	write_quantity(f, line);
	write_price(f, line);
	fprintf(f, "%s}", line->credit && !in->credit_note ? ",\"credit_note\":true" : "");
}

void invoice_write(FILE *f, const struct invoice *in)
{
	fprintf(f,
		"{\"custom_id\":\"%s\",\"context\":{\"user_id\":\"%s\"},\"invoice\":{"
		"\"vendor_name\":\"%s\",\"invoice_number\":\"R/%s\",\"invoice_date\":\"%s\","
		"\"currency\":\"%s\",\"credit_note\":%s},\"line_items\":[",
		in->id, in->user, in->vendor_name, in->id, in->day, in->currency,
		in->credit_note ? "true" : "false");
	for (int i = 0; i < in->size; i++) {
		fputs(i ? "," : "", f);
		write_line(f, in, &in->lines[i]);
	}
	fputs("]}\n", f);
}

/* ---- the database ---- */

void invoices_open(const struct load *l)
{
	double ms = l->pace_ms / 12; /* so many lines wait for each other */
	sql_text("CREATE FUNCTION hamper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " IF NEW.pack_size = '%s' THEN RAISE EXCEPTION 'it is cursed'; END IF;"
		 " PERFORM pg_sleep(%f); RETURN NEW; END $$;"
		 "CREATE TRIGGER hamper BEFORE INSERT ON weir.inventory_transactions"
		 " FOR EACH ROW EXECUTE FUNCTION hamper()",
		 REFUSED, (ms < SLOWEST_MS ? ms : SLOWEST_MS) / 1000);
}

void invoices_close(void)
{
	sql_text("DROP TRIGGER hamper ON weir.inventory_transactions; DROP FUNCTION hamper()");
}
