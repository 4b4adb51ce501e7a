/* What a line is booked as: by quantity, pack_size, uom, weight and extended_price together. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "pack.h"
#include "settle.h"

/* Empty: not there. */
struct row {
	const char *quantity, *price, *extended, *weight, *uom, *pack;
	const char *wanted; /* quantity x count x each x factor, and warnings; or the error class */
};

#define LB " x 1 x 1 x 453.59237 g"
#define KG " x 1 x 1 x 1000 g"
#define FIVE_LB " x 1 x 5 x 453.59237 g"
#define CASE_OF_SIX " x 6 x 5 x 453.59237 g"
#define ONE_EACH " x 1 x 1 x 1 each"

static bool take(struct decimal *out, const char *text)
{
	return *text && decimal_read(out, text, strlen(text)) == NULL;
}

static struct weir_text text_of(const char *text)
{
	return (struct weir_text){*text ? text : NULL, strlen(text)};
}

static void fill(struct line *l, const struct row *r)
{
	*l = (struct line){.pack_size = text_of(r->pack), .uom = text_of(r->uom)};
	CU_ASSERT_FATAL(take(&l->quantity, r->quantity) && take(&l->unit_price, r->price));
	l->credit = l->quantity.sign < 0;
	l->has_extended = take(&l->extended, r->extended);
	char number[32] = "";
	size_t digits = strspn(r->weight, "0123456789.");
	memcpy(number, r->weight, digits);
	l->has_weight = take(&l->weight, number);
	if (r->weight[digits])
		l->weight_unit = unit_find(r->weight + digits, strlen(r->weight + digits));
	pack_of_one(&l->pack);
	if (*r->pack)
		l->warns[LINE_UNKNOWN_PACK] = !pack_read(&l->pack, r->pack, strlen(r->pack));
}

static void show(char *out, size_t room, const struct line *l)
{
	static const char *const names[LINE_WARNINGS] = {" unknown_pack", " unknown_uom", " pounds",
							 " rounded",	  " told",	  " maybe"};
	int n = snprintf(out, room, "%s x %s x %s x %s %s", l->quantity.text, l->pack.count.text,
			 l->pack.each.text, l->pack.factor, l->pack.base_unit);
	for (int i = 0; i < LINE_WARNINGS; i++)
		if (l->warns[i])
			n += snprintf(out + n, room - (size_t)n, "%s", names[i]);
}

static void expect_in(const char *currency, const struct row *r)
{
	struct line l;
	struct weir_error fault = {"", ""};
	char seen[300];
	fill(&l, r);
	if (line_settle(&l, currency_find(text_of(currency)), &fault) < 0)
		snprintf(seen, sizeof seen, "%s", fault.code);
	else
		show(seen, sizeof seen, &l);
	if (strcmp(seen, r->wanted) != 0)
		fprintf(stderr, "    %s at %s = %s, %s, uom %s of %s: %s (%s), not %s\n",
			r->quantity, r->price, r->extended, r->weight, r->uom, r->pack, seen,
			fault.text, r->wanted);
	CU_ASSERT_STRING_EQUAL(seen, r->wanted);
}

static void expect_all(const char *currency, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_in(currency, &rows[i]);
}

#define EXPECT_ALL(currency, rows) expect_all(currency, rows, sizeof rows / sizeof *rows)

static void what_was_ordered(void)
{
	static const struct row rows[] = {
		{"1", "60.00", "60.00", "", "CS", "6/5 LB", "1" CASE_OF_SIX},
		{"1", "11.00", "11.00", "", "EA", "6/5 LB", "1" FIVE_LB},
		{"1", "11.00", "", "", "ea.", "6/5 LB", "1" FIVE_LB},
		{"1", "11.00", "", "", "BAG", "6/5 LB", "1" FIVE_LB},
		{"3", "11.00", "33", "", "PC", "6/5 LB", "3" FIVE_LB},
		{"1", "60.00", "60.00", "", "", "6/5 LB", "1" CASE_OF_SIX},
		{"1", "60.00", "60.00", "", "case", "6/5 LB", "1" CASE_OF_SIX},
		{"1", "60.00", "60.00", "", "CTN", "6/5 LB", "1" CASE_OF_SIX},
		{"1", "60.00", "60.00", "", "CA", "6/5 LB", "1" CASE_OF_SIX},
		{"1", "60.00", "60.00", "", "BX", "6/5 LB", "bad_uom"},
		{"1", "60.00", "60.00", "", "CT", "6/5 LB", "bad_uom"},
		{"1", "60.00", "60.00", "", "S", "6/5 LB", "bad_uom"},
		{"1", "60.00", "60.00", "", "FLAT", "6/5 LB", "bad_uom"},
		{"1", "60.00", "60.00", "", "BX", "5 LB", "1" FIVE_LB},
		{"1", "60.00", "60.00", "", "CT", "5 LB", "1" FIVE_LB},
		{"1", "60.00", "60.00", "", "FLAT", "5 LB", "1" FIVE_LB " unknown_uom"},
		{"1", "60.00", "60.00", "", "FLAT", "", "1" ONE_EACH " unknown_uom"},
		{"1", "60.00", "60.00", "", "EA", "5 LB", "1" FIVE_LB},
		{"1", "5", "5", "", "EA", "6/#10", "1" ONE_EACH},
		{"1", "5", "5", "", "CAN", "6/#10 CAN", "1" ONE_EACH},
		{"1", "5", "5", "", "EA", "", "1" ONE_EACH},
		{"1", "5", "5", "", "EA", "1 BUSHEL", "1" ONE_EACH " unknown_pack"},
		{"1", "5", "5", "", "EA", "12 CT", "bad_uom"},
		{"1", "5", "5", "", "EA", "4/12 CT", "bad_uom"},
		{"1", "5", "5", "", "EA", "15 DZ", "bad_uom"},
		{"1", "5", "5", "", "CS", "4/12 CT", "1 x 4 x 12 x 1 each"},
		{"1", "5", "5", "", "DZ", "15 DZ", "1 x 1 x 1 x 12 each"},
		{"2", "5", "10", "", "dozen", "", "2 x 1 x 1 x 12 each"},
		{"1", "5", "5", "", "DZ", "5 LB", "bad_uom"},
		{"2.5", "4", "10", "", "LB", "6/5 LB", "2.5" LB},
		{"2.5", "4", "10", "", "#", "1 CASE", "2.5" LB},
		{"2.5", "4", "", "", "KG", "", "2.5" KG},
		{"3", "4", "12", "", "GAL", "4/1 GAL", "3 x 1 x 1 x 3785.411784 ml"},
		{"3", "4", "12", "", "LB", "1 BUSHEL", "3" LB},
		/* another dimension than the pack's */
		{"64", "1", "64", "", "OZ", "4/1 GAL", "bad_uom"},
		{"64", "1", "64", "", "OZ", "12/46 FL OZ", "bad_uom"},
		{"3", "4", "12", "", "L", "10 KG", "bad_uom"},
		{"3", "4", "12", "", "KG", "20 L", "bad_uom"},
		{"3", "4", "12", "", "GAL", "24 CT", "bad_uom"},
		{"3", "4", "12", "", "LB", "24 CT", "bad_uom"},
		{"3", "4", "12", "", "OZ", "6/5 LB", "3 x 1 x 1 x 28.349523125 g"},
		/* which of three levels? */
		{"2", "5", "10", "", "PK", "4/6/12 OZ", "bad_uom"},
		{"2", "5", "10", "", "EA", "4/6/12 OZ", "bad_uom"},
		{"2", "5", "10", "", "CAN", "4/6/12 OZ", "2 x 1 x 12 x 28.349523125 g"},
		{"2", "5", "10", "", "CS", "4/6/12 OZ", "2 x 24 x 12 x 28.349523125 g"},
	};
	EXPECT_ALL("USD", rows);
}

static const struct row in_dollars[] = {
	/* by weight */
	{"2", "5.49", "150.59", "27.43", "", "2/12 LB", "27.43" LB},
	{"2", "5.49", "150.59", "27.43", "CS", "2/12 LB", "27.43" LB},
	{"2", "5.49", "150.59", "27.43", "EA", "12 CT", "27.43" LB " pounds"},
	{"2", "5.49", "150.59", "27.43", "LB", "2/12 LB", "27.43" LB},
	{"2", "5.49", "150.59", "27.43", "", "1 BUSHEL", "27.43" LB " pounds"},
	{"1", "5", "50", "10", "", "24/12 OZ", "10" LB " pounds"},
	{"1", "2.0699", "90.83", "43.88", "CS", "1/40 LB", "43.88" LB},
	{"1", "2.0699", "90.83", "43.88", "", "", "43.88" LB " pounds"},
	{"2", "5.49", "150.59", "27.43kg", "", "", "27.43" KG},
	{"2", "5.49", "150.59", "27.43", "", "2/12 KG", "27.43" KG},
	{"2", "5.49", "150.59", "27.43lb", "LB", "", "27.43" LB},
	{"2", "5.49", "150.59", "27.43kg", "LB", "", "bad_weight"},
	{"-2", "5.49", "-150.59", "27.43", "", "2/12 LB", "-27.43" LB},
	{"-2", "5.49", "150.59", "27.43", "", "2/12 LB", "bad_total"},
	{"2", "5.49", "", "27.43", "LB", "2/12 LB", "27.43" LB},
	{"27.43", "5.49", "150.59", "27.43", "LB", "2/12 LB", "27.43" LB},
	{"27.43", "5.49", "150.59", "27.43", "", "2/12 LB", "27.43" LB},
	{"27.43", "5.49", "", "27.43", "LB", "2/12 LB", "27.43" LB},
	/* by the ordered unit, though it has a weight */
	{"1", "90.83", "90.83", "43.88", "CS", "1/40 LB", "1 x 1 x 40 x 453.59237 g"},
	{"1", "90.83", "90.83", "43.88", "", "1/40 LB", "1 x 1 x 40 x 453.59237 g"},
	{"2", "10", "20", "0", "", "5 LB", "2" FIVE_LB},
	{"0", "10", "0", "", "", "5 LB", "0" FIVE_LB},
	{"0", "10", "", "3", "", "5 LB", "0" FIVE_LB},
	{"2", "0", "0", "10", "", "5 LB", "2" FIVE_LB},
	{"2", "0", "", "10", "", "5 LB", "2" FIVE_LB},
	{"5", "4", "20", "5", "EA", "", "5" ONE_EACH},
	{"2", "4", "8", "2", "", "1 LB", "2" LB},
	/* cases of so many pounds, priced by the pound */
	{"2", "1.99", "159.20", "", "LB", "1/40 LB", "80" LB},
	{"2", "1.99", "119.40", "", "LB", "6/5 LB", "60" LB},
	{"2", "1.99", "159.20", "", "", "1/40 LB", "bad_total"},
	{"2", "1.99", "159.20", "", "KG", "1/40 LB", "bad_total"},
	/* nobody can tell */
	{"2", "5.49", "140.00", "27.43", "", "2/12 LB", "bad_total"},
	{"2", "5.49", "10.00", "", "", "2/12 LB", "bad_total"},
	{"2", "5.49", "0", "", "", "2/12 LB", "bad_total"},
	{"0", "5.49", "5.49", "", "", "2/12 LB", "bad_total"},
	{"0", "5.49", "150.59", "27.43", "", "2/12 LB", "bad_total"},
	{"2", "0", "5", "", "", "", "bad_total"},
	{"2", "5.49", "", "27.43", "", "2/12 LB", "ambiguous_weight"},
	{"2", "5.49", "", "27.43", "CS", "2/12 LB", "ambiguous_weight"},
	{"5", "4", "20", "5", "", "", "ambiguous_weight"},
	{"1", "4", "4", "1", "", "1/40 LB", "ambiguous_weight"},
	{"2", "75.295", "150.59", "27.43", "LB", "2/12 LB", "bad_total"},
	{"2", "5.49", "150.59", "27.43", "GAL", "", "bad_total"},
	{"2", "5.49", "150.59", "27.43", "DZ", "", "bad_total"},
};

static const struct row in_euros[] = {
	{"2", "5.49", "150.59", "27.43", "", "", "bad_weight"},
	{"2", "5.49", "150.59", "27.43", "KG", "", "27.43" KG},
	{"2", "5.49", "150.59", "27.43", "", "2/12 KG", "27.43" KG},
	{"2", "5.49", "150.59", "27.43", "", "500 G", "bad_weight"},
	{"1", "5", "50", "10", "", "10/500 G", "bad_weight"},
};

static void what_the_price_is_of(void)
{
	EXPECT_ALL("USD", in_dollars);
	EXPECT_ALL("EUR", in_euros);
}

static void rounding(void)
{
	static const struct row rows[] = {
		{"3", "1.333", "4.00", "", "", "", "3" ONE_EACH},
		{"3", "1.335", "4.01", "", "", "", "3" ONE_EACH}, /* 4.005: up */
		{"3", "1.335", "4.00", "", "", "", "3" ONE_EACH}, /* or down */
		{"3", "1.335", "4.02", "", "", "", "bad_total"},
		{"1", "4.00", "4.01", "", "", "", "bad_total"},
		{"1", "4.00", "4.009", "", "", "", "1" ONE_EACH},
		{"12", "0.50", "6.04", "", "", "", "12" ONE_EACH " rounded"},
		{"12", "0.50", "6.06", "", "", "", "12" ONE_EACH " rounded"},
		{"12", "0.50", "6.07", "", "", "", "bad_total"},
		{"12", "0.5", "6.06", "", "", "", "12" ONE_EACH " rounded"},
		{"12", "0.5000", "6.06", "", "", "", "bad_total"},
		{"12", "0.30", "3.65", "", "", "", "bad_total"}, /* more than a percent */
		{"1000000", "0.0000000001", "0", "", "", "", "1000000" ONE_EACH},
		{"999999999999", "999999999999", "999999999999", "", "", "", "bad_total"},
		{"12", "5.485", "65.82", "", "", "", "12" ONE_EACH},
		{"2", "5.49", "150.46", "27.43", "", "2/12 LB", "27.43" LB " rounded"},
	};
	static const struct row yen[] = {
		{"3", "33.4", "100", "", "", "", "3" ONE_EACH},
		{"3", "33.4", "101", "", "", "", "3" ONE_EACH},
		{"3", "33.4", "102", "", "", "", "bad_total"},
		{"300", "333", "100000", "", "", "", "300" ONE_EACH " rounded"},
	};
	EXPECT_ALL("USD", rows);
	static const struct row dinars[] = {
		{"3", "1.2505", "3.751", "", "", "", "3" ONE_EACH},
		{"3", "1.2505", "3.752", "", "", "", "3" ONE_EACH},
		{"3", "1.2505", "3.753", "", "", "", "bad_total"},
		{"3", "1.2505", "3.76", "", "", "", "bad_total"},
		{"3", "1.250", "3.751", "", "", "", "3" ONE_EACH " rounded"},
	};
	EXPECT_ALL("JPY", yen);
	EXPECT_ALL("KWD", dinars);
}

/* Each with its figures. */
static void what_is_said(void)
{
	static const struct {
		struct row row;
		const char *text;
	} rows[] = {
		{{"2", "5.49", "140.00", "27.43", "", "2/12 LB", ""},
		 "quantity 2 x unit_price 5.49 is 10.98, weight 27.43 x 5.49 is 150.5907, and "
		 "extended_price is 140.00"},
		{{"2", "5.49", "", "27.43", "", "2/12 LB", ""}, "quantity is 2, weight 27.43"},
		{{"1", "60", "60", "", "BX", "6/5 LB", ""}, "uom \"BX\" of pack_size \"6/5 LB\""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct line l;
		struct weir_error fault = {"", ""};
		fill(&l, &rows[i].row);
		CU_ASSERT_EQUAL(line_settle(&l, currency_find(text_of("USD")), &fault), -1);
		if (!strstr(fault.text, rows[i].text))
			fprintf(stderr, "    %s\n", fault.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, rows[i].text));
	}
}

void add_settle_suite(void);

void add_settle_suite(void)
{
	CU_pSuite s = CU_add_suite("settle", NULL, NULL);
	CU_add_test(s, "what was ordered", what_was_ordered);
	CU_add_test(s, "what the price is of", what_the_price_is_of);
	CU_add_test(s, "rounding", rounding);
	CU_add_test(s, "what is said of bad ones", what_is_said);
}
