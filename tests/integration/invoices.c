#include "invoices.h"

#include <stdlib.h>
#include <string.h>

#include "../faults/chance.h"
#include "world.h"

#define COUNT(LIST) ((int)(sizeof(LIST) / sizeof *(LIST)))

/* The ways in which one thing is called: letter case, order of words, plural. */
static const struct thing {
	const char *category;
	const char *names[3];
	int packs; /* the family that it mostly comes in */
} things[] = {
	/* clang-format off */
	{"produce", {"Organic Roma Tomatoes Vine Ripened Premium", "ROMA TOMATOES, ORGANIC - VINE RIPENED PREMIUM", "Organic Roma Tomato Vine Ripened Premium"}, 1},
	{"meat", {"Boneless Skinless Chicken Breast Fresh Trimmed", "Chicken Breast, Boneless/Skinless, Fresh Trimmed", "Boneless Skinless Chicken Breasts Fresh Trimmed"}, 1},
	{"meat", {"Ground Beef Chuck Coarse 80/20", "BEEF CHUCK GROUND COARSE 80/20", "coarse, ground beef chuck (80-20)"}, 1},
	{"dairy", {"Unsalted Butter Solids Grade AA", "butter, unsalted, solids, grade AA", "UNSALTED BUTTER SOLIDS (GRADE AA)"}, 1},
	{"oil", {"Extra Virgin Olive Oil Cold Pressed Italian", "OLIVE OIL EXTRA VIRGIN, ITALIAN, COLD PRESSED", "Extra Virgin Olive Oils Cold Pressed Italian"}, 0},
	{"dairy", {"Whole Milk Homogenised Pasteurised Plain", "MILK WHOLE HOMOGENISED PASTEURISED PLAIN", "plain pasteurised homogenised whole milk"}, 0},
	{"dry", {"All Purpose Flour Bleached Enriched Malted", "FLOUR ALL-PURPOSE, BLEACHED, ENRICHED, MALTED", "Malted All Purpose Flours Bleached Enriched"}, 1},
	{"dry", {"Jasmine Rice Thai Polished Long Grain", "RICE, JASMINE, THAI, LONG GRAIN, POLISHED", "Thai Jasmine Rice, Polished, Long-Grain"}, 1},
	{"fish", {"Atlantic Salmon Fillet Skin On Scaled", "SALMON FILLET ATLANTIC, SKIN-ON, SCALED", "Atlantic Salmon Fillets Skin On Scaled"}, 1},
	{NULL, {"Large Brown Eggs Cage Free Loose", "EGGS, BROWN, LARGE, CAGE FREE, LOOSE", "cage-free loose large brown eggs"}, 2},
	{NULL, {"Crushed Red Pepper Flakes Shaker", "PEPPER FLAKES SHAKER RED CRUSHED", "Red, crushed Pepper Flakes Shaker"}, 1},
	{"cleaning", {"Dish Detergent Lemon Concentrate Manual", "DETERGENT, DISH, LEMON, MANUAL, CONCENTRATE", "Dish Detergent: Manual, Lemon Concentrate"}, 0},
	{"supplies", {"Nitrile Gloves Powderless Medium Black", "GLOVES NITRILE BLACK MEDIUM POWDERLESS", "Black Nitrile Gloves, Powderless, Medium"}, 2},
	{"drinks", {"Mineral Water Sparkling Glass Bottled", "WATER, MINERAL, SPARKLING, GLASS BOTTLED", "Mineral Waters, Sparkling, Glass Bottled"}, 0},
	{"dairy", {"Shredded Mozzarella Low Moisture Feathered", "MOZZARELLA SHREDDED FEATHERED LOW MOISTURE", "low-moisture mozzarella, feathered, shredded"}, 1},
	{"supplies", {"Aluminium Foil Roll Heavy Duty 18 Inch", "FOIL ROLL ALUMINIUM 18 INCH HEAVY DUTY", "Heavy-Duty Aluminium Foil Roll, 18 inch"}, 2},
	{"coffee", {"Kenya Espresso Dark Roast Fair Trade", "DARK ROAST, FAIR TRADE, KENYA ESPRESSO", "Kenya Espresso (Fair Trade) Dark-Roast"}, 1},
	{"dairy", {"Cheddar Sharp Wisconsin Block Yellow", "CHEDDAR, YELLOW, SHARP, WISCONSIN BLOCK", "Sharp Yellow Cheddar, Wisconsin Block"}, 1},
	/* clang-format on */
};

/* Families of packs: by volume, by weight, by the piece. */
static const struct pack {
	const char *text, *count, *each, *factor, *unit;
} packs[3][5] = {
	{{"4/1 GAL", "4", "1", "3785.411784", "ml"},
	 {"6x500ml", "6", "500", "1", "ml"},
	 {"12/32 FL OZ", "12", "32", "29.5735295625", "ml"},
	 {"2.5 L", "1", "2.5", "1000", "ml"},
	 {"6/1 QT", "6", "1", "946.352946", "ml"}},
	{{"10 LB", "1", "10", "453.59237", "g"},
	 {"24/12 OZ", "24", "12", "28.349523125", "g"},
	 {"2.5 kg", "1", "2.5", "1000", "g"},
	 {"4/5 LB", "4", "5", "453.59237", "g"},
	 {"50 LB", "1", "50", "453.59237", "g"}},
	{{"12 CT", "1", "12", "1", "each"},
	 {"2 DZ", "1", "2", "12", "each"},
	 {"1 CASE", "1", "1", "1", "each"},
	 {NULL, "1", "1", "1", "each"},
	 {"assorted, as agreed", "1", "1", "1", "each"}},
};

static const char *const vendors[][2] = {{"Northfield Foods", "NORTHFIELD FOODS"},
					 {"Harbour Produce Co.", "Harbour Produce Co"},
					 {"Kessler & Sons", "KESSLER & SONS"},
					 {"Blue Door Paper", "Blue Door Paper"}};

/* One of them is a number where it is written. */
static const char *const users[] = {"u1", "7", "user-of-a-longer-name"};

/* ---- making ---- */

static const char *make_quantity(struct chance *c, char out[16], bool credit)
{
	static const char *const fractions[] = {"", "", "", ".5", ".25", ".125"};
	snprintf(out, 16, "%s%d%s", credit ? "-" : "", chance_between(c, 1, 40),
		 fractions[chance_between(c, 0, COUNT(fractions) - 1)]);
	return out;
}

/* Few different ones, so that some stay the same; some are free. */
static const char *make_price(struct chance *c, char out[16])
{
	static const char *const ends[] = {".00", ".50", "", ".99", ".3333"};
	snprintf(out, 16, "%d%s", chance_between(c, 0, 9),
		 ends[chance_between(c, 0, COUNT(ends) - 1)]);
	return out;
}

/* Most vendors have numbers for most things, and mostly write them. */
static const char *make_number(struct chance *c, char out[24], int vendor, int thing)
{
	snprintf(out, 24, "N%d-%d", vendor, thing);
	return (vendor + thing) % 3 == 0 || chance_between(c, 1, 5) == 1 ? NULL : out;
}

/* ---- what is written of totals ---- */

/* The number without its point, as if it had so many places. */
static int64_t scaled(const char *text, int places)
{
	const char *point = strchr(text, '.');
	int64_t value = strtoll(text, NULL, 10), part = 0;
	for (int i = 0; i < places; i++) {
		part = part * 10 + (point && point[1] ? *++point - '0' : 0);
		value *= 10;
	}
	return *text == '-' ? value - part : value + part;
}

/* The product, as the vendor rounds it. */
static void make_total(struct reference_line *l, char out[24])
{
	int64_t product = scaled(l->quantity, 3) * scaled(l->unit_price, 4);
	int64_t cents = (llabs(product) + 50000) / 100000;
	snprintf(out, 24, "%s%lld.%02lld", product < 0 ? "-" : "", (long long)(cents / 100),
		 (long long)(cents % 100));
	l->total = out;
}

/* A few pieces, billed by what they weigh together. */
static void make_weighed(struct chance *c, struct made_invoice *in, size_t i)
{
	struct reference_line *l = &in->lines[i];
	bool pounds = strcmp(l->unit_factor, "1000") != 0;
	snprintf(in->texts[i].ordered, sizeof in->texts[i].ordered, "%s%d", l->credit ? "-" : "",
		 chance_between(c, 1, 3));
	snprintf(in->texts[i].quantity, sizeof in->texts[i].quantity, "%s%d.%02d",
		 l->credit ? "-" : "", chance_between(c, 10, 60), chance_between(c, 0, 99));
	snprintf(in->texts[i].weight, sizeof in->texts[i].weight, "%s",
		 in->texts[i].quantity + l->credit);
	l->quantity = in->texts[i].quantity;
	l->ordered = in->texts[i].ordered;
	l->weight = in->texts[i].weight;
	l->pack_count = l->pack_each = "1";
	l->unit_factor = pounds ? "453.59237" : "1000";
	make_total(l, in->texts[i].total);
}

/* What stands there besides quantity and price. */
static void make_more(struct chance *c, struct made_invoice *in, size_t i)
{
	struct reference_line *l = &in->lines[i];
	bool measured = strcmp(l->base_unit, "each") != 0;
	int way = chance_between(c, 1, 6);
	if (way == 1 && strcmp(l->base_unit, "g") == 0 && strcmp(l->unit_price, "0") != 0 &&
	    strcmp(l->unit_price, "0.00") != 0) {
		make_weighed(c, in, i);
	} else if (way == 2 && measured) { /* one of those in the case */
		l->uom = "EA";
		l->pack_count = "1";
	} else if (way == 3) {
		l->uom = "CS";
	}
	if (way == 3 || (way == 2 && chance_between(c, 0, 1)))
		make_total(l, in->texts[i].total);
}

/* ---- charges ---- */

/* On a credit note quantities are below zero, prices are as ever. */
static void make_charge(struct chance *c, struct made_invoice *in, size_t i)
{
	static const struct {
		const char *description, *category, *charge, *told_by, *price;
	} charges[] = {
		{"FUEL SURCHARGE", NULL, "fuel_surcharge", "description", "8.50"},
		{"Sales Tax 8.25%", NULL, "tax", "description", "3.3333"},
		{"Keg deposit", "drinks", "deposit", "description", "30.00"},
		{"As agreed on the phone", "Freight", "freight", "category", "25"},
		{"As agreed on the phone", NULL, "fee", "line_type", "1.75"},
		{"Early pay discount", NULL, "discount", "description", "-12.00"},
		{"Thank you", "dry", "discount", "line_type", "-0.50"},
		{"Out by", NULL, "rounding", "line_type", "-0.01"},
	};
	int which = chance_between(c, 0, COUNT(charges) - 1);
	snprintf(in->texts[i].quantity, sizeof in->texts[i].quantity, "%s%d",
		 in->credit_note ? "-" : "", chance_between(c, 1, 3));
	in->lines[i] = (struct reference_line){
		.description = charges[which].description,
		.category = charges[which].category,
		.charge = charges[which].charge,
		.told_by = charges[which].told_by,
		.quantity = in->texts[i].quantity,
		.unit_price = charges[which].price,
		.credit = in->credit_note,
	};
	if (chance_between(c, 0, 1))
		make_total(&in->lines[i], in->texts[i].total);
}

/* What the vendor adds up: each line rounded by itself. A credit note's is often written without a
 * sign. */
static void make_invoice_total(struct chance *c, struct made_invoice *in)
{
	int64_t cents = 0;
	char text[24];
	for (size_t i = 0; i < in->as.size; i++) {
		struct reference_line l = in->lines[i];
		make_total(&l, text);
		cents += scaled(l.total, 2);
	}
	bool plain = in->credit_note && cents < 0 && chance_between(c, 0, 1);
	if (chance_between(c, 0, 3))
		snprintf(in->total, sizeof in->total, "%s%lld.%02lld",
			 cents < 0 && !plain ? "-" : "", llabs(cents) / 100, llabs(cents) % 100);
}

static void make_line(struct chance *c, struct made_invoice *in, size_t i, int vendor)
{
	int which = chance_between(c, 0, COUNT(things) - 1);
	const struct thing *t = &things[which];
	int family = chance_between(c, 1, 10) == 1 ? chance_between(c, 0, 2) : t->packs;
	const struct pack *p = &packs[family][chance_between(c, 0, COUNT(packs[0]) - 1)];
	bool credit = in->credit_note || chance_between(c, 1, 12) == 1;
	in->lines[i] = (struct reference_line){
		.item_number = make_number(c, in->texts[i].number, vendor, which),
		.description = t->names[chance_between(c, 0, COUNT(t->names) - 1)],
		.category = t->category,
		.quantity = make_quantity(c, in->texts[i].quantity, credit),
		.unit_price = make_price(c, in->texts[i].price),
		.pack_size = p->text,
		.pack_count = p->count,
		.pack_each = p->each,
		.unit_factor = p->factor,
		.base_unit = p->unit,
		.credit = credit,
	};
	make_more(c, in, i);
}

static void make_invoice(struct chance *c, struct made_invoice *in, int position)
{
	int vendor = chance_between(c, 0, COUNT(vendors) - 1), day = chance_between(c, 0, 40);
	snprintf(in->id, sizeof in->id, "invoice_id_%d", position / 2);
	snprintf(in->number, sizeof in->number, "R/%d", position);
	snprintf(in->date, sizeof in->date, "2024-%02d-%02d", 1 + day / 28, 1 + day % 28);
	in->credit_note = chance_between(c, 1, 12) == 1;
	in->plain_numbers = chance_between(c, 0, 1) == 1;
	in->as = (struct reference_invoice){
		.user_id = users[(position + position / 2) % COUNT(users)],
		.invoice_id = in->id,
		.vendor_name = vendors[vendor][chance_between(c, 0, 1)],
		.invoice_number = in->number,
		.invoice_date = in->date,
		.currency = chance_between(c, 1, 8) == 1 ? "EUR" : "USD",
		.lines = in->lines,
		.size = (size_t)chance_between(c, 1, MADE_LINES),
	};
	for (size_t i = 0; i < in->as.size; i++)
		if (chance_between(c, 1, 8) == 1)
			make_charge(c, in, i);
		else
			make_line(c, in, i, vendor);
	make_invoice_total(c, in);
}

void made_invoices(struct made_invoice *out, int count, uint64_t seed)
{
	for (int i = 0; i < count; i++) {
		struct chance c = chance_of(seed, "invoice", i);
		make_invoice(&c, &out[i], i);
	}
}

/* ---- writing ---- */

/* The texts have nothing that JSON would escape. */
static void write_text(FILE *f, const char *name, const char *text)
{
	if (text)
		fprintf(f, ",\"%s\":\"%s\"", name, text);
}

static void write_number(FILE *f, const char *name, const char *number, bool plain)
{
	const char *quote = plain ? "" : "\"";
	fprintf(f, ",\"%s\":%s%s%s", name, quote, number, quote);
}

static void write_line(FILE *f, const struct made_invoice *in, const struct reference_line *l)
{
	fprintf(f, "{\"description\":\"%s\"", l->description);
	write_text(f, "item_number", l->item_number);
	write_text(f, "category", l->category);
	write_text(f, "pack_size", l->pack_size);
	if (l->charge && strcmp(l->told_by, "line_type") == 0)
		write_text(f, "line_type", l->charge);
	write_text(f, "uom", l->uom);
	write_number(f, "quantity", l->ordered ? l->ordered : l->quantity, in->plain_numbers);
	write_number(f, "unit_price", l->unit_price, in->plain_numbers);
	if (l->total)
		write_number(f, "extended_price", l->total, in->plain_numbers);
	if (l->weight)
		write_number(f, "weight", l->weight, in->plain_numbers);
	fprintf(f, "%s}", l->credit && !in->credit_note ? ",\"credit_note\":true" : "");
}

void made_write(FILE *f, const struct made_invoice *in)
{
	const char *quote = strspn(in->as.user_id, "0123456789") ? "" : "\"";
	fprintf(f, "{\"custom_id\":\"%s\",\"context\":{\"user_id\":%s%s%s},\"invoice\":{", in->id,
		quote, in->as.user_id, quote);
	fprintf(f, "\"vendor_name\":\"%s\"", in->as.vendor_name);
	write_text(f, "invoice_number", in->number);
	write_text(f, "invoice_date", in->date);
	write_text(f, "currency", in->as.currency);
	if (*in->total)
		write_number(f, "invoice_total", in->total, in->plain_numbers);
	fprintf(f, "%s},\"line_items\":[", in->credit_note ? ",\"credit_note\":true" : "");
	for (size_t i = 0; i < in->as.size; i++) {
		fputs(i ? "," : "", f);
		write_line(f, in, &in->lines[i]);
	}
	fputs("]}\n", f);
}

/* ---- what must hold of the names ---- */

void expect_made_apart(void)
{
	sql_text("CREATE TEMP TABLE names (thing integer, key text)");
	for (int i = 0; i < COUNT(things); i++)
		for (int k = 0; k < COUNT(things[i].names); k++)
			sql_text("INSERT INTO names SELECT %d, weir.text_key('%s')", i,
				 things[i].names[k]);
	const char *odd =
		sql_text("SELECT a.key || ' / ' || b.key || ': ' || similarity(a.key, b.key)"
			 " FROM names AS a, names AS b WHERE a.thing <= b.thing AND"
			 " CASE WHEN a.thing = b.thing THEN similarity(a.key, b.key) < 0.82"
			 " ELSE similarity(a.key, b.key) > 0.45 END");
	EXPECT(!*odd, "the made names are not as they must be: %s", odd);
	sql_text("DROP TABLE names");
}
