#include "policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR_TEXT_MAX 20

int policy_check_factor(double factor, struct weir_error *err)
{
	if (factor >= 1 && factor <= FACTOR_MAX) /* not a number: neither */
		return 0;
	return weir_fail(err, "bad_value", "a number from 1 to %d is wanted, as 2 or 1.5",
			 FACTOR_MAX);
}

int policy_factor(const char *text, double *out, struct weir_error *err)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits);
	size_t part = text[whole] == '.' ? strspn(text + whole + 1, digits) : 0;
	size_t size = whole + (part ? 1 + part : 0);
	double value = 0;
	if (whole > 0 && text[size] == '\0' && size <= FACTOR_TEXT_MAX)
		value = strtod(text, NULL);
	if (policy_check_factor(value, err) < 0)
		return -1;
	*out = value;
	return 0;
}

/* ---- the limit ---- */

static int limit_none(struct policy *p, int64_t max, struct weir_error *err)
{
	if (max)
		return weir_fail(err, "bad_value",
				 "queue has no limit of its own: leave out the maximum of "
				 "concurrent items, or choose parallel");
	p->max_concurrent = 0;
	return 0;
}

static int limit_given(struct policy *p, int64_t max, struct weir_error *err)
{
	if (!max)
		return weir_fail(err, "bad_value",
				 "parallel needs the maximum of concurrent items "
				 "(--max-concurrent N)");
	p->max_concurrent = max;
	return 0;
}

static int limit_one(struct policy *p, int64_t max, struct weir_error *err)
{
	if (max > 1)
		return weir_fail(err, "bad_value",
				 "sequential is one item at a time, and the maximum of concurrent "
				 "items is %" PRId64 ": leave one of them out",
				 max);
	p->max_concurrent = 1;
	return 0;
}

static const struct mode {
	const char *name;
	int (*set)(struct policy *p, int64_t max, struct weir_error *err);
} modes[] = {{"queue", limit_none}, {"parallel", limit_given}, {"sequential", limit_one}};

int policy_limit(struct policy *p, const char *mode, int64_t max_concurrent, struct weir_error *err)
{
	if (!mode)
		mode = max_concurrent ? "parallel" : "queue";
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(modes[i].name, mode) != 0)
			continue;
		p->mode = modes[i].name;
		return modes[i].set(p, max_concurrent, err);
	}
	return weir_fail(err, "bad_value", "\"%.40s\" is not one of sequential, parallel, queue",
			 mode);
}

int policy_finish(struct policy *p, struct weir_error *err)
{
	if (!p->max_attempts)
		p->max_attempts = 3;
	if (!p->backoff_ms)
		p->backoff_ms = 1000;
	if (p->backoff_factor == 0)
		p->backoff_factor = 2;
	if (!p->backoff_cap_ms) /* a cap that nobody has asked for is no contradiction */
		p->backoff_cap_ms = p->backoff_ms > 600000 ? p->backoff_ms : 600000;
	if (p->backoff_cap_ms >= p->backoff_ms)
		return 0;
	return weir_fail(err, "bad_value",
			 "the cap of the backoff (%" PRId64 "ms) is below the backoff (%" PRId64
			 "ms)",
			 p->backoff_cap_ms, p->backoff_ms);
}

/* ---- in the ledger ---- */

void policy_params(const struct policy *p, struct params *params)
{
	params_int(params, (int32_t)p->max_attempts);
	params_big(params, p->backoff_ms);
	params_real(params, p->backoff_factor);
	params_big(params, p->backoff_cap_ms);
	params_int(params, (int32_t)p->max_concurrent);
}

void policy_differences(const struct policy *p, const PGresult *r, int column, struct buffer *out)
{
	int64_t attempts = ledger_int(r, 0, column), backoff = ledger_big(r, 0, column + 1);
	double factor = ledger_real(r, 0, column + 2);
	int64_t cap = ledger_big(r, 0, column + 3), most = ledger_int(r, 0, column + 4);
	if (attempts != p->max_attempts)
		buffer_printf(out, ", --max-attempts %" PRId64, attempts);
	if (backoff != p->backoff_ms)
		buffer_printf(out, ", --backoff %" PRId64 "ms", backoff);
	if (factor < p->backoff_factor || factor > p->backoff_factor)
		buffer_printf(out, ", --backoff-factor %g", factor);
	if (cap != p->backoff_cap_ms)
		buffer_printf(out, ", --backoff-cap %" PRId64 "ms", cap);
	if (most != p->max_concurrent && most)
		buffer_printf(out, ", --max-concurrent %" PRId64, most);
	else if (most != p->max_concurrent)
		buffer_add_text(out, ", no --max-concurrent");
}
