/* What lines of invoices are no goods. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "charge.h"

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void types(void)
{
	static const struct {
		const char *type, *wanted; /* NULL: there is none */
	} rows[] = {
		{"item", "item"},
		{"Product", "item"},
		{"tax", "tax"},
		{"TAX", "tax"},
		{"Sales Tax", "tax"},
		{"VAT", "tax"},
		{"fuel_surcharge", "fuel_surcharge"},
		{"Fuel-Surcharge", "fuel_surcharge"},
		{"freight", "freight"},
		{"shipping", "freight"},
		{"delivery", "delivery"},
		{"deposit", "deposit"},
		{"deposit return", "deposit_return"},
		{"discount", "discount"},
		{"credit", "credit"},
		{"fee", "fee"},
		{"surcharge", "fee"},
		{"tip", "tip"},
		{"rounding", "rounding"},
		{"other", "other"},
		{"", NULL},
		{" ", NULL},
		{"-", NULL},
		{"taxi", NULL},
		{"tax tax", NULL},
		{"food", NULL},
		{"a_very_long_type_that_is_longer_than_any_of_those_that_there_are_by_far", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum charge charge = CHARGES;
		bool known = charge_of_type(text_of(rows[i].type), &charge);
		CU_ASSERT_EQUAL(known, rows[i].wanted != NULL);
		if (known)
			CU_ASSERT_STRING_EQUAL(charge_name(charge), rows[i].wanted);
	}
}

/* Each name is a line_type, and stands in the list that people are shown. */
static void names(void)
{
	char list[300] = "", shown[CHARGE_NAMES_SIZE];
	for (int i = 0; i < CHARGES; i++) {
		enum charge charge;
		const char *name = charge_name((enum charge)i);
		CU_ASSERT(charge_of_type(text_of(name), &charge) && charge == (enum charge)i);
		strcat(strcat(list, i ? ", " : ""), name);
	}
	CU_ASSERT_STRING_EQUAL(list, charge_names(shown));
}

static void categories(void)
{
	static const char *const rows[][2] = {
		{"Tax", "tax"},
		{"Freight", "freight"},
		{"Deposits", "deposit"},
		{"Fuel Surcharge", "fuel_surcharge"},
		{"DISCOUNTS", "discount"},
		{"Fees", "fee"},
		{"Delivery Charge", "delivery"},
		{"Dairy", "item"},
		{"Other", "item"},
		{"Delivery", "item"},
		{"Credit", "item"},
		{"Fuel", "item"},
		{"Tips", "item"},
		{"Food", "item"},
		{"", "item"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CU_ASSERT_STRING_EQUAL(charge_name(charge_of_category(text_of(rows[i][0]))),
				       rows[i][1]);
	CU_ASSERT_EQUAL(charge_of_category((struct weir_text){NULL, 0}), CHARGE_NONE);
}

static const char *const described[][2] = {
	{"FUEL SURCHARGE", "fuel_surcharge"},
	{"Fuel Charge", "fuel_surcharge"},
	{"FUEL SURCHARGE WEEK 23", "fuel_surcharge"},
	{"Sales Tax", "tax"},
	{"Sales Tax 8.25%", "tax"},
	{"STATE & LOCAL TAX", "tax"},
	{"VAT (20%)", "tax"},
	{"MwSt. 19 %", "tax"},
	{"CGST 9%", "tax"},
	{"Freight", "freight"},
	{"FREIGHT IN", "freight"},
	{"Shipping & Handling", "freight"},
	{"Delivery fee", "delivery"},
	{"DELIVERY", "delivery"},
	{"Small order delivery charge", "delivery"},
	{"Keg deposit", "deposit"},
	{"Keg deposit 1/2", "deposit"},
	{"Bottle Deposit", "deposit"},
	{"Pfand", "deposit"},
	{"CRV", "deposit"},
	{"Keg deposit return", "deposit_return"},
	{"KEG RETURN", "deposit_return"},
	{"Deposit refund", "deposit_return"},
	{"Empty bottle return", "deposit_return"},
	{"Early pay discount", "discount"},
	{"Volume Discount 2%", "discount"},
	{"Promotional allowance", "discount"},
	{"Skonto", "discount"},
	{"Credit memo", "credit"},
	{"Service charge", "fee"},
	{"Credit card processing fee", "fee"},
	{"MINIMUM ORDER FEE", "fee"},
	{"Split case charge", "fee"},
	{"Energy surcharge", "fee"},
	{"Gratuity", "tip"},
	{"Driver tip", "tip"},
	{"Rounding", "rounding"},
	{"Rounding adjustment", "rounding"},
	{"FUEL SURCHG", "fuel_surcharge"},
	{"Fuel Chg", "fuel_surcharge"},
	{"FSC", "fuel_surcharge"},
	{"Lumper Fee", "fee"},
	{"CC Fee 3%", "fee"},
	{"Finance Charge", "fee"},
	{"Broken Case Charge", "fee"},
	{"Packing Charges", "fee"},
	{"Loading Charges", "fee"},
	{"Transport Charges", "freight"},
	{"S&H", "freight"},
	{"S/H", "freight"},
	{"QST", "tax"},
	{"CA CRV", "deposit"},
	{"Cess", "tax"},
	{"Coupon", "discount"},
	{"Round Off", "rounding"},
	{"Leergut", "deposit"},
	{"Lieferkosten", "delivery"},
	{"Versandkosten", "freight"},
	{"Frais de port", "freight"},
	{"Consigne", "deposit"},
	{"Remise", "discount"},
	{"Sconto 5%", "discount"},
	{"Descuento", "discount"},
	{"Trasporto", "freight"},
	{"IVA 21%", "tax"},
	{"NAPKIN FSC", "item"},
	{"COUPON BOOKS", "item"},
	{"PORT", "item"},
	{"DISCOUNTED FEE SIMPLE", "item?"},
	/* goods */
	{"TAXI", "item"},
	{"BATTERY CHARGER", "item"},
	{"DELIVERY BAGS 500 CT", "item"},
	{"CREDIT CARD PAPER ROLL", "item"},
	{"CREDIT CARD", "item"},
	{"Promo: free sample", "item"},
	{"BEEF TIPS", "item"},
	{"TIP TRAY", "item"},
	{"SHIPPING CASE", "item"},
	{"CHARGE", "fee"},
	{"ASPARAGUS TIPS", "item"},
	{"FUEL", "item"},
	{"CHAFING FUEL GEL", "item"},
	{"FUEL 6 HR", "item"},
	{"SERVICE TRAY", "item"},
	{"CASE", "item"},
	{"RETURN", "item"},
	{"BOTTLE", "item"},
	{"PALLET", "item"},
	{"EARLY CASH ORDER", "item"},
	{"ROUND ROAST", "item"},
	{"PORTO", "item"},
	{"100", "item"},
	{"", "item"},
	{"DISCOUNT FLOUR", "item?"},
	{"BANK DEPOSIT BAG", "item?"},
	{"Fuel surcharge Acme", "item?"},
	{"TAX FORM 1099", "item?"},
	{"FREIGHT ELEVATOR KEY", "item?"},
	{"SHIPPING BOX", "item"},
	{"\xC3\x9C"
	 "bergr\xC3\xB6\xC3\x9F"
	 "e tax",
	 "item?"},
};

/* Goods with a "?" are those that a person is told of. */
static void descriptions(void)
{
	for (size_t i = 0; i < sizeof described / sizeof *described; i++) {
		bool doubtful;
		char seen[40];
		enum charge charge = charge_of_description(text_of(described[i][0]), &doubtful);
		snprintf(seen, sizeof seen, "%s%s", charge_name(charge), doubtful ? "?" : "");
		if (strcmp(seen, described[i][1]) != 0)
			fprintf(stderr, "    \"%s\": %s, not %s\n", described[i][0], seen,
				described[i][1]);
		CU_ASSERT_STRING_EQUAL(seen, described[i][1]);
	}
}

static void totals(void)
{
	static const char *const sums[] = {
		"SUBTOTAL",
		"Sub Total",
		"TOTAL",
		"GROUP TOTAL****",
		"Group total dairy",
		"Invoice Total",
		"Grand total:",
		"Total due",
		"Amount Due",
		"Balance due",
		"Previous Balance",
		"Balance Forward",
		"Payment Received",
		"Payment - thank you",
		"Total before tax",
		"Subtotal (excl. VAT)",
		"Total Charges",
		"Zwischensumme",
		"Sous-total",
		"Total 12 items",
		"Brought forward",
		"Invoice amount",
	};
	static const char *const others[] = {
		"Sales Tax Total",
		"TOTAL CEREAL",
		"Fage Total 0% yogurt",
		"Late payment fee",
		"Balance bar",
		"Total freight",
		"Payment terminal roll",
		"Whole milk",
		"",
		"12",
	};
	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
		if (!charge_is_total(text_of(sums[i])))
			fprintf(stderr, "    \"%s\" is a total\n", sums[i]);
		CU_ASSERT(charge_is_total(text_of(sums[i])));
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		CU_ASSERT_FALSE(charge_is_total(text_of(others[i])));
}

static void nameless(void)
{
	static const char *const empty[] = {
		"",	"-",	"---",	   ".",	    "#N/A",  "N/A",	     "nan",
		"null", "NONE", "TBD",	   "Misc",  "Item",  "Misc.",	     "Special",
		"VOID", "???",	"Unknown", "#REF!", "n. a.", "\xE2\x80\x94", "\xC2\xB7",
	};
	static const char *const named[] = {"Misc. cheese", "Special K",  "12",
					    "Item 4711",    "x",	  "\xE8\x8C\xB6",
					    "Nan bread",    "Void filler"};
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		CU_ASSERT(charge_is_nameless(text_of(empty[i])));
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		CU_ASSERT_FALSE(charge_is_nameless(text_of(named[i])));
}

void add_charge_suite(void);

void add_charge_suite(void)
{
	CU_pSuite s = CU_add_suite("charge", NULL, NULL);
	CU_add_test(s, "types of lines", types);
	CU_add_test(s, "their names", names);
	CU_add_test(s, "categories", categories);
	CU_add_test(s, "descriptions", descriptions);
	CU_add_test(s, "sums", totals);
	CU_add_test(s, "things without a name", nameless);
}
