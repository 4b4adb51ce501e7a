#include "charge.h"

#include <stdio.h>
#include <string.h>

#define WORD_MOST 32

/* Each list has a comma behind each word. */
static const struct row {
	const char *types;	/* of line_type; the first is the charge's name */
	const char *categories; /* those that no goods have */
	/* Of a description: one of each of these two (a NULL: of the first), and otherwise only
	 * words of the third, numbers, and words that say nothing. */
	const char *words, *and, *others;
	const char *phrases; /* whole descriptions, with _ between the words */
} rows[CHARGES] = {
	[CHARGE_NONE] = {"item,items,product,products,goods,inventory,", "", NULL, NULL, "", ""},
	[CHARGE_FUEL_SURCHARGE] = {"fuel_surcharge,fuel_charge,fuel,fsc,",
				   "fuel_surcharge,fuel_surcharges,fuel_charge,", "fuel,",
				   "surcharge,surcharges,charge,charges,fee,surchg,srchg,chg,chgs,"
				   "fsc,",
				   "delivery,temporary,", "fsc,fsc_charge,fsc_fee,"},
	[CHARGE_DEPOSIT_RETURN] = {"deposit_return,deposit_returns,deposit_refund,",
				   "deposit_return,deposit_returns,deposit_refund,",
				   "return,returns,returned,refund,refunds,credit,",
				   "deposit,deposits,keg,kegs,bottle,bottles,crate,crates,pallet,"
				   "pallets,empty,empties,pfand,",
				   "container,containers,can,cans,case,cases,barrel,", ""},
	[CHARGE_TAX] =
		{"tax,taxes,sales_tax,vat,gst,hst,excise,excise_tax,",
		 "tax,taxes,sales_tax,vat,gst,hst,excise_tax,",
		 "tax,taxes,vat,gst,hst,pst,cgst,sgst,igst,mwst,ust,tva,iva,btw,moms,excise,"
		 "qst,tvq,tps,cess,mehrwertsteuer,umsatzsteuer,taxe,impuesto,impuestos,imposta,",
		 NULL, "sales,use,state,city,county,local,federal,food,beverage,liquor,alcohol,",
		 ""},
	[CHARGE_ROUNDING] = {"rounding,", "rounding,",
			     "rounding,roundoff,rundung,rundungsdifferenz,arrondi,arrotondamento,"
			     "redondeo,",
			     NULL, "difference,error,off,",
			     "round_off,rounded_off,round_off_adjustment,"},
	[CHARGE_TIP] = {"tip,tips,gratuity,", "tip,gratuity,gratuities,", "tip,gratuity,", NULL,
			"driver,delivery,auto,", ""},
	[CHARGE_DEPOSIT] = {"deposit,deposits,keg_deposit,bottle_deposit,container_deposit,crv,",
			    "deposit,deposits,keg_deposit,bottle_deposit,container_deposit,crv,",
			    "deposit,deposits,crv,pfand,leergut,consigne,consignes,", NULL,
			    "keg,kegs,bottle,bottles,can,cans,container,containers,crate,crates,"
			    "pallet,pallets,case,cases,barrel,charge,charges,chg,fee,ca,",
			    ""},
	[CHARGE_DISCOUNT] =
		{"discount,discounts,allowance,allowances,rebate,rebates,",
		 "discount,discounts,allowance,allowances,rebate,rebates,",
		 "discount,discounts,allowance,rebate,rabatt,skonto,coupon,coupons,"
		 "remise,remises,sconto,sconti,descuento,descuentos,desconto,korting,",
		 NULL,
		 "early,pay,payment,prompt,cash,volume,quantity,customer,loyalty,promo,"
		 "promotion,promotional,trade,invoice,order,off,vendor,manufacturer,mfr,",
		 ""},
	[CHARGE_DELIVERY] =
		{"delivery,delivery_charge,delivery_fee,",
		 "delivery_charge,delivery_charges,delivery_fee,delivery_fees,",
		 "delivery,lieferkosten,lieferung,livraison,", NULL,
		 "charge,charges,chg,frais,de,fee,fees,cost,costs,surcharge,small,minimum,order,",
		 ""},
	[CHARGE_FREIGHT] = {"freight,shipping,postage,freight_charge,shipping_charge,",
			    "freight,shipping,freight_charge,freight_charges,shipping_charge,"
			    "shipping_charges,",
			    "freight,shipping,postage,carriage,fracht,versand,flete,"
			    "versandkosten,frachtkosten,transportkosten,transport,transporte,"
			    "trasporto,",
			    NULL,
			    "inbound,outbound,in,out,charge,charges,fee,fees,cost,costs,handling,"
			    "surcharge,chg,chgs,surchg,frais,de,di,spese,gastos,",
			    "s_h,s_h_charge,s_h_charges,s_h_fee,frais_de_port,frais_d_envoi,"
			    "spese_di_spedizione,gastos_de_envio,"},
	[CHARGE_CREDIT] = {"credit,credits,", "", "credit,credits,", NULL,
			   "memo,note,account,customer,invoice,previous,applied,", ""},
	[CHARGE_FEE] =
		{"fee,fees,charge,charges,surcharge,surcharges,service_charge,handling,",
		 "fee,fees,charges,surcharge,surcharges,service_charge,service_charges,",
		 "fee,fees,surcharge,surcharges,charge,charges,handling,surchg,surchgs,srchg,"
		 "chg,chgs,lumper,cartage,",
		 NULL,
		 "service,processing,convenience,minimum,order,energy,environmental,small,"
		 "admin,administration,administrative,late,payment,credit,card,stop,drop,"
		 "restocking,split,case,pallet,bag,temporary,customer,holiday,liftgate,cc,"
		 "finance,interest,broken,packing,packaging,loading,unloading,labor,labour,"
		 "forwarding,insurance,pick,up,",
		 ""},
	[CHARGE_OTHER] = {"other,", "", NULL, NULL, "", ""},

};

/* The order in which descriptions are compared: FUEL SURCHARGE is no other fee. */
static const enum charge in_order[] = {
	CHARGE_FUEL_SURCHARGE,
	CHARGE_DEPOSIT_RETURN,
	CHARGE_TAX,
	CHARGE_ROUNDING,
	CHARGE_TIP,
	CHARGE_DEPOSIT,
	CHARGE_DISCOUNT,
	CHARGE_DELIVERY,
	CHARGE_FREIGHT,
	CHARGE_CREDIT,
	CHARGE_FEE,
};

/* Say nothing in a description. */
static const char fillers[] = "adjustment,adj,amount,total,the,of,on,for,and,per,week,wk,";

/* Goods are seldom called so: a person is told when they seem to be. */
static const char telling[] = "surcharge,surcharges,freight,tax,taxes,deposit,deposits,gratuity,"
			      "discount,discounts,rounding,allowance,rebate,pfand,surchg,fee,fees,"
			      "lumper,";

/* Sums that are printed between the lines or below them, made up as charges are. */
static const struct row totals[] = {
	{"", "",
	 "total,totals,subtotal,subtotals,zwischensumme,gesamtsumme,gesamtbetrag,endbetrag,summe,"
	 "totaal,totale,totaux,",
	 NULL,
	 "sub,sous,grand,group,invoice,order,page,section,category,department,dept,vendor,customer,"
	 "net,gross,due,items,item,lines,line,pieces,cases,weight,qty,quantity,goods,merchandise,"
	 "product,products,charges,payable,balance,document,bill,sales,running,general,final,count,"
	 "ht,ttc,s,dairy,produce,meat,meats,seafood,poultry,frozen,grocery,groceries,dry,beverage,"
	 "beverages,food,foods,bakery,paper,chemical,chemicals,canned,disposables,beer,wine,"
	 "liquor,",
	 "sum,net_amount,gross_amount,invoice_amount,amount_invoiced,invoice_value,net_value,"},
	{"", "", "total,totals,subtotal,",
	 "before,after,excl,excluding,excluded,incl,including,included,ex,inc,with,without,plus,",
	 "sub,grand,invoice,order,net,gross,due,tax,taxes,vat,gst,hst,sales,mwst,tva,iva,freight,"
	 "shipping,delivery,discount,discounts,charges,fees,deposit,deposits,",
	 ""},
	{"", "", "balance,saldo,forward,fwd,", NULL,
	 "previous,prior,brought,carried,opening,closing,outstanding,account,your,new,old,current,"
	 "beginning,ending,last,unpaid,invoice,due,open,statement,remaining,bal,b,c,f,",
	 ""},
	{"", "", "due,payable,owing,owed,", NULL,
	 "amount,net,gross,invoice,now,past,balance,pay,please,this,currently,amt,", ""},
	{"", "", "payment,payments,paid,", NULL,
	 "received,thank,you,thanks,less,previous,prior,last,by,check,cheque,cash,card,credit,ach,"
	 "applied,made,with,your,balance,in,full,amt,invoice,",
	 ""},
};

/* Of things without a name: what stands where a description is wanted. */
static const char nameless[] =
	"n_a,na,nan,nil,null,none,undefined,unknown,tbd,tba,tbc,misc,miscellaneous,item,items,"
	"product,products,article,special,void,voided,description,item_description,no_description,"
	"unnamed,untitled,blank,empty,not_available,not_applicable,see_note,other,various,sundry,"
	"ref,value,name,div_0,num,error,xxx,";

static bool is_in(const char *list, const char *word, size_t n)
{
	for (; list && *list; list = strchr(list, ',') + 1)
		if (strncmp(list, word, n) == 0 && list[n] == ',')
			return true;
	return false;
}

static bool is_word_byte(char c)
{
	char small = (char)(c | 0x20);
	return (c >= '0' && c <= '9') || (small >= 'a' && small <= 'z') || (unsigned char)c >= 0x80;
}

/* The next word in small letters; its size, 0: there is none. One that is too long is no word of
 * these tables. */
static size_t next_word(struct weir_text *rest, char word[WORD_MOST])
{
	size_t n = 0;
	while (rest->size > 0 && !is_word_byte(*rest->data)) {
		rest->data++;
		rest->size--;
	}
	while (rest->size > 0 && is_word_byte(*rest->data)) {
		char c = *rest->data++;
		rest->size--;
		if (n < WORD_MOST)
			word[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	return n;
}

/* Words with _ between them. 0: too long, or none. */
static size_t joined(struct weir_text text, char out[2 * WORD_MOST])
{
	char word[WORD_MOST];
	size_t size = 0, n;
	while ((n = next_word(&text, word)) > 0) {
		if (size + n + 1 > 2 * WORD_MOST)
			return 0;
		if (size > 0)
			out[size++] = '_';
		memcpy(out + size, word, n);
		size += n;
	}
	return size;
}

const char *charge_name(enum charge charge)
{
	static const char *const names[CHARGES] = {
		"item",	   "fuel_surcharge", "freight",	 "delivery", "tax",
		"deposit", "deposit_return", "discount", "credit",   "fee",
		"tip",	   "rounding",	     "other",
	};
	return names[charge];
}

const char *charge_names(char out[CHARGE_NAMES_SIZE])
{
	size_t n = 0;
	for (int i = 0; i < CHARGES; i++)
		n += (size_t)snprintf(out + n, CHARGE_NAMES_SIZE - n, "%s%s", i ? ", " : "",
				      charge_name((enum charge)i));
	return out;
}

bool charge_of_type(struct weir_text type, enum charge *out)
{
	char name[2 * WORD_MOST];
	size_t n = joined(type, name);
	for (int i = 0; i < CHARGES && n > 0; i++)
		if (is_in(rows[i].types, name, n)) {
			*out = (enum charge)i;
			return true;
		}
	return false;
}

enum charge charge_of_category(struct weir_text category)
{
	char name[2 * WORD_MOST];
	size_t n = category.data ? joined(category, name) : 0;
	for (int i = 0; i < CHARGES && n > 0; i++)
		if (is_in(rows[i].categories, name, n))
			return (enum charge)i;
	return CHARGE_NONE;
}

static bool is_number(const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (word[i] < '0' || word[i] > '9')
			return false;
	return true;
}

static bool is_phrase(const char *phrases, struct weir_text text)
{
	char name[2 * WORD_MOST];
	size_t n = joined(text, name);
	return n > 0 && is_in(phrases, name, n);
}

static bool is_made_of(const struct row *r, struct weir_text text)
{
	char word[WORD_MOST];
	if (is_phrase(r->phrases, text))
		return true;
	bool has_word = false, has_and = !r->and;
	for (size_t n; (n = next_word(&text, word)) > 0;) {
		bool is_first = is_in(r->words, word, n), is_second = is_in(r->and, word, n);
		if (!is_first && !is_second && !is_in(r->others, word, n) &&
		    !is_in(fillers, word, n) && !is_number(word, n))
			return false;
		has_word = has_word || is_first;
		has_and = has_and || is_second;
	}
	return has_word && has_and;
}

enum charge charge_of_description(struct weir_text description, bool *doubtful)
{
	char word[WORD_MOST];
	*doubtful = false;
	for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++)
		if (is_made_of(&rows[in_order[i]], description))
			return in_order[i];
	for (size_t n; (n = next_word(&description, word)) > 0;)
		*doubtful = *doubtful || is_in(telling, word, n);
	return CHARGE_NONE;
}

bool charge_is_total(struct weir_text description)
{
	for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
		if (is_made_of(&totals[i], description))
			return true;
	return false;
}

/* Dashes, dots and quotes of UTF-8 say no more than those of ASCII: U+0080 to U+00BF, U+2000 to
 * U+203F. */
static bool has_words(struct weir_text text)
{
	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];
		unsigned char next = i + 1 < text.size ? (unsigned char)text.data[i + 1] : 0;
		if (c == 0xC2)
			i++;
		else if (c == 0xE2 && next == 0x80)
			i += 2;
		else if (is_word_byte((char)c))
			return true;
	}
	return false;
}

bool charge_is_nameless(struct weir_text description)
{
	return !has_words(description) || is_phrase(nameless, description);
}

bool charge_is_reduction(enum charge charge)
{
	return charge == CHARGE_DISCOUNT || charge == CHARGE_CREDIT ||
	       charge == CHARGE_DEPOSIT_RETURN;
}
