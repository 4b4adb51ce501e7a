#include "amount.h"

#include <string.h>

/* The digits of a decimal, the last of DECIMAL_FRACTION_MOST places first. Returns how many. */
static size_t digits_of(const struct decimal *d, unsigned char out[AMOUNT_DIGITS])
{
	size_t from = d->text[0] == '-', point = strcspn(d->text, ".");
	size_t fraction = d->size > point ? d->size - point - 1 : 0, n = 0;
	for (; n < DECIMAL_FRACTION_MOST - fraction; n++)
		out[n] = 0;
	for (size_t i = d->size; i > from; i--)
		if (i - 1 != point)
			out[n++] = (unsigned char)(d->text[i - 1] - '0');
	return n;
}

static bool is_zero(const struct amount *a)
{
	static const struct amount zero;
	return memcmp(a->digit, zero.digit, sizeof a->digit) == 0;
}

void amount_product(struct amount *out, const struct decimal *a, const struct decimal *b)
{
	unsigned char x[AMOUNT_DIGITS], y[AMOUNT_DIGITS];
	size_t xs = digits_of(a, x), ys = digits_of(b, y);
	*out = (struct amount){.negative = a->sign * b->sign < 0};
	for (size_t i = 0; i < xs; i++) {
		unsigned carry = 0;
		for (size_t k = 0; k < ys || carry > 0; k++) {
			unsigned sum = out->digit[i + k] + carry;
			sum += k < ys ? (unsigned)x[i] * y[k] : 0;
			out->digit[i + k] = (unsigned char)(sum % 10);
			carry = sum / 10;
		}
	}
}

void amount_of(struct amount *out, const struct decimal *d)
{
	static const struct decimal one = {.text = "1", .size = 1, .sign = 1};
	amount_product(out, d, &one);
}

int amount_compare(const struct amount *a, const struct amount *b)
{
	for (size_t i = AMOUNT_DIGITS; i-- > 0;)
		if (a->digit[i] != b->digit[i])
			return a->digit[i] < b->digit[i] ? -1 : 1;
	return 0;
}

static void add(struct amount *to, const struct amount *other)
{
	unsigned carry = 0;
	for (size_t i = 0; i < AMOUNT_DIGITS; i++) {
		unsigned sum = to->digit[i] + other->digit[i] + carry;
		to->digit[i] = (unsigned char)(sum % 10);
		carry = sum / 10;
	}
}

/* Of two with one sign, the larger one less the smaller one. */
static void take(struct amount *to, const struct amount *large, const struct amount *small)
{
	int borrow = 0;
	for (size_t i = 0; i < AMOUNT_DIGITS; i++) {
		int rest = large->digit[i] - small->digit[i] - borrow;
		borrow = rest < 0;
		to->digit[i] = (unsigned char)(rest + 10 * borrow);
	}
}

void amount_subtract(struct amount *from, const struct amount *other)
{
	if (from->negative != other->negative) {
		add(from, other);
	} else if (amount_compare(from, other) >= 0) {
		take(from, from, other);
	} else {
		take(from, other, from);
		from->negative = !from->negative;
	}
	from->negative = from->negative && !is_zero(from);
}

/* How many digits count: all from the first one that is not 0, but at least one before the point.
 */
static size_t significant(const struct amount *a)
{
	size_t n = AMOUNT_DIGITS;
	while (n > AMOUNT_FRACTION + 1 && a->digit[n - 1] == 0)
		n--;
	return n;
}

void amount_text(const struct amount *a, char out[AMOUNT_TEXT])
{
	size_t n = 0, last = 0;
	while (last < AMOUNT_FRACTION && a->digit[last] == 0)
		last++;
	if (a->negative)
		out[n++] = '-';
	for (size_t i = significant(a); i-- > last;) {
		out[n++] = (char)('0' + a->digit[i]);
		if (i == AMOUNT_FRACTION && last < AMOUNT_FRACTION)
			out[n++] = '.';
	}
	out[n] = '\0';
}

bool amount_to_decimal(struct decimal *out, const struct amount *a)
{
	char text[AMOUNT_TEXT];
	amount_text(a, text);
	return decimal_read(out, text, strlen(text)) == NULL;
}
