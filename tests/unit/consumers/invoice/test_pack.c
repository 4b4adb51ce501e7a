/* Pack sizes. */
#include <CUnit/CUnit.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

#define GAL "3785.411784"
#define LB "453.59237"
#define OZ "28.349523125"
#define FLOZ "29.5735295625"

static const struct row {
	const char *text, *count, *each, *factor, *base_unit;
} known[] = {
	/* what the grammar names */
	{"4/1 GAL", "4", "1", GAL, "ml"},
	{"6x500ml", "6", "500", "1", "ml"},
	{"24/12 OZ", "24", "12", OZ, "g"},
	{"10 LB", "1", "10", LB, "g"},
	{"2 DZ", "1", "2", "12", "each"},
	{"1 CASE", "1", "1", "1", "each"},
	{"12 CT", "1", "12", "1", "each"},
	{"2.5 kg", "1", "2.5", "1000", "g"},
	{"6 #10 CAN", "6", "1", "1", "each"},
	{"6/#10", "6", "1", "1", "each"},
	{"6/#10 CAN", "6", "1", "1", "each"},
	{"4 X 5 LB", "4", "5", LB, "g"},
	{"1x2 GAL", "1", "2", GAL, "ml"},
	{"1/10 LB", "1", "10", "453.59237", "g"},
	{"3/5 LB", "3", "5", "453.59237", "g"},
	{"0.5 GAL", "1", "0.5", GAL, "ml"},
	{"LB", "1", "1", LB, "g"},
	{"EA", "1", "1", "1", "each"},
	{"CASE", "1", "1", "1", "each"},
	{"#10 CAN", "1", "1", "1", "each"},
	{"#10", "1", "1", "1", "each"},
	{"6/5 LB BAG", "6", "5", LB, "g"},
	{"4x6 CAN", "4", "6", "1", "each"},
	{"6/4 PACK", "6", "4", "1", "each"},
	{"5/6 OZ", "5", "6", OZ, "g"},
	{"12 FL. OZ.", "1", "12", FLOZ, "ml"},
	/* letter case, blanks, points */
	{"4/1 gal", "4", "1", GAL, "ml"},
	{"4/1 Gal.", "4", "1", GAL, "ml"},
	{"4/1GAL", "4", "1", GAL, "ml"},
	{"4 / 1 GAL", "4", "1", GAL, "ml"},
	{"4  /  1   GAL", "4", "1", GAL, "ml"},
	{"  4/1 GAL  ", "4", "1", GAL, "ml"},
	{"6 x 500 ml", "6", "500", "1", "ml"},
	{"6X500ML", "6", "500", "1", "ml"},
	{"6\xC3\x97"
	 "500 ml",
	 "6", "500", "1", "ml"},
	{"6 \xC3\x97 500 ml", "6", "500", "1", "ml"},
	{"10LB", "1", "10", LB, "g"},
	{"10 lbs.", "1", "10", LB, "g"},
	{"10 LB .", NULL, NULL, NULL, NULL},
	{"10 Pounds", "1", "10", LB, "g"},
	{"6 # 10", "6", "1", "1", "each"},
	{"6#10", "6", "1", "1", "each"},
	{"6x#10 tin", "6", "1", "1", "each"},
	{"6/#2.5 CAN", "6", "1", "1", "each"},
	{"#303 can", "1", "1", "1", "each"},
	{"24/16 fl oz", "24", "16", FLOZ, "ml"},
	{"24/16 FLOZ", "24", "16", FLOZ, "ml"},
	{"24/16 FL.OZ.", "24", "16", FLOZ, "ml"},
	{"16 fluid ounces", "1", "16", FLOZ, "ml"},
	{"12/16 fl oz btl", "12", "16", FLOZ, "ml"},
	/* each unit */
	{"1 oz", "1", "1", OZ, "g"},
	{"1 ounce", "1", "1", OZ, "g"},
	{"1 kg", "1", "1", "1000", "g"},
	{"1 KGS", "1", "1", "1000", "g"},
	{"500 g", "1", "500", "1", "g"},
	{"500 grams", "1", "500", "1", "g"},
	{"250 mg", "1", "250", "0.001", "g"},
	{"1 gallon", "1", "1", GAL, "ml"},
	{"1 qt", "1", "1", "946.352946", "ml"},
	{"12 QUARTS", "1", "12", "946.352946", "ml"},
	{"1 pt", "1", "1", "473.176473", "ml"},
	{"8 pints", "1", "8", "473.176473", "ml"},
	{"1 cup", "1", "1", "236.5882365", "ml"},
	{"1 fl oz", "1", "1", FLOZ, "ml"},
	{"1 tbsp", "1", "1", "14.78676478125", "ml"},
	{"1 tsp", "1", "1", "4.92892159375", "ml"},
	{"1 l", "1", "1", "1000", "ml"},
	{"12/1 LTR", "12", "1", "1000", "ml"},
	{"1.5 litres", "1", "1.5", "1000", "ml"},
	{"75 cl", "1", "75", "10", "ml"},
	{"6/75cl", "6", "75", "10", "ml"},
	{"5 dl", "1", "5", "100", "ml"},
	{"330 ml", "1", "330", "1", "ml"},
	{"15 dozen", "1", "15", "12", "each"},
	{"15 DOZ", "1", "15", "12", "each"},
	{"DZ", "1", "1", "12", "each"},
	{"2 gross", "1", "2", "144", "each"},
	{"4/12 CT", "4", "12", "1", "each"},
	{"100 count", "1", "100", "1", "each"},
	{"24 EA", "1", "24", "1", "each"},
	{"24 each", "1", "24", "1", "each"},
	{"24 PC", "1", "24", "1", "each"},
	{"24 pcs", "1", "24", "1", "each"},
	{"24 pieces", "1", "24", "1", "each"},
	{"1 CS", "1", "1", "1", "each"},
	{"2 boxes", "1", "2", "1", "each"},
	{"3 bags", "1", "3", "1", "each"},
	{"12 cans", "1", "12", "1", "each"},
	{"12 bottles", "1", "12", "1", "each"},
	{"12 btl", "1", "12", "1", "each"},
	{"6 pk", "1", "6", "1", "each"},
	{"6 PACK", "1", "6", "1", "each"},
	{"12 rolls", "1", "12", "1", "each"},
	{"24 heads", "1", "24", "1", "each"},
	{"12 bunches", "1", "12", "1", "each"},
	{"each", "1", "1", "1", "each"},
	{"ea.", "1", "1", "1", "each"},
	{"bag", "1", "1", "1", "each"},
	{"kg", "1", "1", "1000", "g"},
	/* containers */
	{"50 LB BAG", "1", "50", LB, "g"},
	{"50 LB BG.", "1", "50", LB, "g"},
	{"12 CT BOX", "1", "12", "1", "each"},
	{"4/1 GAL CASE", "4", "1", GAL, "ml"},
	{"24/12 OZ CAN", "24", "12", OZ, "g"},
	{"12 CAN CASE", "1", "12", "1", "each"},
	/* pounds, averages, levels, the other way round */
	{"10#", "1", "10", LB, "g"},
	{"10 #", "1", "10", LB, "g"},
	{"6 #", "1", "6", LB, "g"},
	{"4/5#", "4", "5", LB, "g"},
	{"10 LB AVG", "1", "10", LB, "g"},
	{"10 LB Avg.", "1", "10", LB, "g"},
	{"4/6/12 OZ", "24", "12", OZ, "g"},
	{"24x12x1 OZ", "288", "1", OZ, "g"},
	{"300/333/1 G", "99900", "1", "1", "g"},
	{"500 ml x 6", "6", "500", "1", "ml"},
	{"12/CT", "12", "1", "1", "each"},
	{"2,5 kg", "1", "2.5", "1000", "g"},
	{".5 L", "1", "0.5", "1000", "ml"},
	{"10\xC2\xA0LB", "1", "10", LB, "g"},
	{"10\xE2\x80\xAF"
	 "kg",
	 "1", "10", "1000", "g"},
	{"CASE (4 X 1 GAL)", "4", "1", GAL, "ml"},
	{"ST\xC3\x9C"
	 "CK",
	 "1", "1", "1", "each"},
	/* numbers */
	{"04/01 GAL", "4", "1", GAL, "ml"},
	{"4/1.0 GAL", "4", "1.0", GAL, "ml"},
	{"12.00 CT", "1", "12.00", "1", "each"},
	{"2.500 KG", "1", "2.500", "1000", "g"},
	{"4.0/5 LB", "4.0", "5", LB, "g"},
	{"99999/1 LB", "99999", "1", LB, "g"},
	{"9999999 g", "1", "9999999", "1", "g"},
	{"0.000001 kg", "1", "0.000001", "1000", "g"},
};

static const char *const unknown[] = {
	/* more of it than is read */
	"1000/1000/1 G",
	"2/2/2/2 LB",
	"2x2x2x2 EA",
	"AVG",
	"AVG LB",
	"10 AVG",
	"12 CT AVG",
	"1 GAL AVG",
	"10 LB AVG AVG",
	"PER",
	"PER 10 LB",
	"PER L",
	"ONLY LB",
	"ONLY ONLY 5 LB",
	"(4 X 1 GAL)",
	"()",
	"CASE ()",
	"CASE (4 X 1 GAL) BAG",
	"CASE (CASE (4 X 1 GAL))",
	"LB (4 X 1 GAL)",
	"3 CASE (4 X 1 GAL)",
	"5 LB x",
	"5 LB x 2 x 2",
	"5 LB x 2.5",
	"4 X 5 LB X 2",
	"10 LB/",
	"10 LB/5",
	"10 LB-",
	"10 -LB",
	"4-1/1 LB",
	"1-2-3 LB",
	"1,2,3 kg",
	"1.2,3 kg",
	"1,2.3 kg",
	"2,5/1 kg",
	"1, 5 kg",
	",5 kg",
	"5, kg",
	".",
	",",
	"..5 L",
	"0,000 l",
	/* two ways to read it, or no number that a pack can have */
	"12-16 OZ",
	"12 - 16 OZ",
	"1/2 GAL",
	"1/3 LB",
	"2/3 CUP",
	"1/4 LB",
	"3 / 4 LB",
	"1/8 OZ",
	"3/8 OZ",
	"5/8 OZ",
	"7/8 OZ",
	"6/10 CAN",
	"6/10 CANS",
	"24/12 tin",
	"12.000 CT",
	"1.000 EA",
	"4.000/5 LB",
	"L",
	"g",
	"G.",
	"5# 2 BAG",
	"5# 10",
	"1-1/2 LB",
	"1 1/2 LB",
	"1 1/2 GAL",
	"1,000 CT",
	"4/6",
	"12",
	"12.5",
	"24 12 OZ",
	"6 12 OZ CAN",
	"6/10# CAN",
	"0/5 LB",
	"0 LB",
	"4/0 LB",
	"0.0 kg",
	"-1 LB",
	"-4/1 GAL",
	"4/-1 GAL",
	"+4 LB",
	"2.5 CT",
	"1.5 DZ",
	"2.5/1 LB",
	"0.5x2 kg",
	"1e3 g",
	"5. L",
	"5.. L",
	"1.2.3 L",
	"100000/1 LB",
	"10000000 g",
	"999999999999999 g",
	"1/99999999 g",
	"0.0000001 kg",
	/* half of it */
	"/",
	"4/",
	"/4",
	"4/ GAL",
	"/1 GAL",
	"x",
	"6x",
	"x500ml",
	"4//1 GAL",
	"6xx500 ml",
	"#",
	"# CAN",
	"6/#",
	"##10",
	"6/##10",
	"#10 #10",
	"#1000",
	"#0",
	"6 #10 LB",
	"6 #10 CAN CAN",
	"0/#10",
	"12/CS",
	"4/GAL",
	"x5 LB",
	/* units that are none, or too many */
	"1 BUSHEL",
	"1 STONE",
	"10 GR",
	"ASST",
	"ASSORTED",
	"N/A",
	"?",
	"-",
	"VARIOUS",
	"LB BAG",
	"CASE BOX",
	"10 LB BAG BOX",
	"10 LB LB",
	"10 LB OZ",
	"10 LB EA",
	"10 OZ FL",
	"10 FL",
	"10 FLUID",
	"FL",
	"10 lbx",
	"10 xlb",
	"10 LB +",
	"10 LB / 2",
	"CASE OF 12",
	"PK 6",
	"CS/12",
	"10 L B",
	"10 G A L",
	"10 ton",
	"10 t",
	"10 m",
	"10 mm",
	"10 in",
	"10 ft",
	"\xC2\xBD GAL",
	"10\tLB",
	"10 \xC3\x97 LB",
	"10 kgkgkgkgkgkgkgkgkgkgkgkg",
	"10,LB",
	"10 lb,",
	"10 lb;",
	"(10 LB)",
	"10 'lb'",
	"10 lb,lbs",
	"10 ,",
	"10 fl oz,",
	"10 fluid",
	"10 LB\n",
};

static bool read(struct pack *p, const char *text) { return pack_read(p, text, strlen(text)); }

static bool is_pack(const struct pack *p, const struct row *r)
{
	return strcmp(p->count.text, r->count) == 0 && strcmp(p->each.text, r->each) == 0 &&
	       strcmp(p->factor, r->factor) == 0 && strcmp(p->base_unit, r->base_unit) == 0;
}

static void known_packs(void)
{
	static const struct row piece = {"", "1", "1", "1", "each"};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct pack p;
		const struct row *r = &known[i];
		bool ok = read(&p, r->text) == (r->count != NULL) &&
			  is_pack(&p, r->count ? r : &piece);
		if (!ok)
			fprintf(stderr, "    \"%s\": %s x %s x %s %s\n", r->text, p.count.text,
				p.each.text, p.factor, p.base_unit);
		CU_ASSERT(ok);
	}
}

static void unknown_packs(void)
{
	static const struct row piece = {"", "1", "1", "1", "each"};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		struct pack p;
		bool ok = !read(&p, unknown[i]) && is_pack(&p, &piece);
		if (!ok)
			fprintf(stderr, "    \"%s\": %s x %s x %s %s\n", unknown[i], p.count.text,
				p.each.text, p.factor, p.base_unit);
		CU_ASSERT(ok);
	}
	CU_ASSERT_FALSE(pack_read(&(struct pack){.factor = NULL}, "", 0));
	CU_ASSERT_FALSE(pack_read(&(struct pack){.factor = NULL}, "10 LB\0", 6));
	CU_ASSERT_FALSE(pack_read(&(struct pack){.factor = NULL}, "   ", 3));
}

/* ---- the lists of tests/cases ---- */

/* What a line says: pack size, base unit, and how much of it. */
static bool is_as_said(char *line)
{
	struct pack p;
	char *text = strtok(line, "\t"), *unit = strtok(NULL, "\t"), *amount = strtok(NULL, "\n");
	CU_ASSERT_FATAL(text && unit && amount);
	bool is_known = read(&p, text);
	if (strcmp(unit, "?") == 0)
		return !is_known;
	double seen = strtod(p.count.text, NULL) * strtod(p.each.text, NULL) *
		      strtod(p.factor, NULL),
	       wanted = strtod(amount, NULL);
	return is_known && strcmp(p.base_unit, unit) == 0 && wanted > 0 &&
	       fabs(seen - wanted) < wanted * 1e-12;
}

static void read_list(const char *path)
{
	char line[200], copy[200];
	int rows = 0;
	FILE *f = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof line, f)) {
		strcpy(copy, line);
		if (strncmp(line, "# ", 2) == 0 || !strchr(line, '\t'))
			continue;
		rows++;
		bool ok = is_as_said(line);
		if (!ok)
			fprintf(stderr, "    %s", copy);
		CU_ASSERT(ok);
	}
	fclose(f);
	CU_ASSERT(rows > 50);
}

static void lists(void)
{
	read_list(WEIR_SOURCE_DIR "/tests/cases/invoices/packs.tsv");
	read_list(WEIR_SOURCE_DIR "/tests/cases/invoices/packs-seen.tsv");
}

/* Nothing behind the end of the text is looked at. */
static void only_its_bytes(void)
{
	struct pack p;
	CU_ASSERT(pack_read(&p, "10 LBS", 5));
	CU_ASSERT_STRING_EQUAL(p.factor, LB);
	CU_ASSERT(pack_read(&p, "6x500ml", 4) == false);
	CU_ASSERT(pack_read(&p, "1 LB", 3)); /* a litre */
	CU_ASSERT_STRING_EQUAL(p.base_unit, "ml");
	CU_ASSERT_FALSE(pack_read(&p, "1 LB", 2));
}

/* Whatever stands there: it is read within its bytes (each text has a block of its own, which the
 * sanitizer guards), and what is known is within the bounds. */
static void anything(void)
{
	static const char *const parts[] = {
		"0",  "1",   "12",   "#",   "/",    "x",    ".",	" ",   "LB",   "oz",
		"fl", "gal", "case", "-",   "\xC3", "\x97", "99999",	"2.5", ",",    "",
		"*",  "(",   ")",    "avg", "per",  "only", "\xC2\xA0", "ct",  "\xBC", "can",
	};
	uint64_t seed = 7;
	int understood = 0;
	for (int i = 0; i < 100000; i++) {
		char text[64] = "";
		struct pack p;
		for (int n = i % 5; n < 6; n++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			strcat(text, parts[(seed >> 33) % (sizeof parts / sizeof *parts)]);
		}
		size_t size = strlen(text);
		char *bytes = malloc(size + !size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
		memcpy(bytes, text, size);
		understood += pack_read(&p, bytes, size);
		free(bytes);
		CU_ASSERT(p.count.sign == 1 && strcspn(p.count.text, ".") <= 5);
		CU_ASSERT(p.each.sign == 1 && strcspn(p.each.text, ".") <= 7);
	}
	CU_ASSERT(understood > 100);
}

void add_pack_suite(void);

void add_pack_suite(void)
{
	CU_pSuite s = CU_add_suite("pack", NULL, NULL);
	CU_add_test(s, "packs that are known", known_packs);
	CU_add_test(s, "packs that are unknown", unknown_packs);
	CU_add_test(s, "the lists of packs", lists);
	CU_add_test(s, "only its own bytes", only_its_bytes);
	CU_add_test(s, "anything at all", anything);
}
