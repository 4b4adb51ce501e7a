/* The binary parameters of ledger.h. Array layout: PostgreSQL, src/backend/utils/adt/arrayfuncs.c,
 * array_recv(): dimensions, has-null flag, element type, then length and lower bound of each
 * dimension, then the elements, each behind its size. */
#include "weir/ledger.h"

#include <stdlib.h>
#include <string.h>

void params_reset(struct params *p)
{
	buffer_reset(&p->bytes);
	p->count = 0;
}

void params_release(struct params *p)
{
	buffer_release(&p->bytes);
	p->count = 0;
}

static void begin(struct params *p, Oid type)
{
	if (p->count == PARAMS_MAX) /* a mistake in the caller's table of statements */
		abort();
	p->at[p->count] = p->bytes.size;
	p->type[p->count] = type;
	p->size[p->count] = -1;
}

static void end(struct params *p)
{
	p->size[p->count] = (int)(p->bytes.size - p->at[p->count]);
	p->count++;
}

void params_text(struct params *p, struct weir_text text)
{
	begin(p, TYPE_TEXT);
	if (!text.data) {
		p->count++;
		return;
	}
	buffer_add(&p->bytes, text.data, text.size);
	buffer_reserve(&p->bytes, 1); /* so that an empty text has an address too */
	end(p);
}

void params_string(struct params *p, const char *text)
{
	params_text(p, (struct weir_text){text, text ? strlen(text) : 0});
}

void params_bytes(struct params *p, const void *data, size_t size)
{
	begin(p, TYPE_BYTEA);
	buffer_add(&p->bytes, data, size);
	buffer_reserve(&p->bytes, 1);
	end(p);
}

void params_int(struct params *p, int32_t v)
{
	begin(p, TYPE_INT4);
	buffer_add_be32(&p->bytes, (uint32_t)v);
	end(p);
}

void params_big(struct params *p, int64_t v)
{
	begin(p, TYPE_INT8);
	buffer_add_be64(&p->bytes, (uint64_t)v);
	end(p);
}

void params_bool(struct params *p, bool v)
{
	begin(p, TYPE_BOOL);
	buffer_add_char(&p->bytes, v ? 1 : 0);
	end(p);
}

void params_real(struct params *p, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	begin(p, TYPE_FLOAT8);
	buffer_add_be64(&p->bytes, bits);
	end(p);
}

/* The type of an array of `element`. Source: PostgreSQL, src/include/catalog/pg_type.dat. */
static Oid array_of(Oid element)
{
	switch (element) {
	case TYPE_BYTEA:
		return 1001;
	case TYPE_INT4:
		return 1007;
	case TYPE_INT8:
		return 1016;
	case TYPE_FLOAT8:
		return 1022;
	default:
		return 1009; /* text */
	}
}

void params_array(struct params *p, Oid type, size_t n)
{
	begin(p, array_of(type));
	buffer_add_be32(&p->bytes, n ? 1 : 0);
	buffer_add_be32(&p->bytes, 1); /* may hold nulls */
	buffer_add_be32(&p->bytes, type);
	if (n) {
		buffer_add_be32(&p->bytes, (uint32_t)n);
		buffer_add_be32(&p->bytes, 1);
	}
}

void params_add_text(struct params *p, struct weir_text text)
{
	if (!text.data) {
		buffer_add_be32(&p->bytes, UINT32_MAX);
		return;
	}
	buffer_add_be32(&p->bytes, (uint32_t)text.size);
	buffer_add(&p->bytes, text.data, text.size);
}

void params_add_int(struct params *p, int32_t v)
{
	buffer_add_be32(&p->bytes, 4);
	buffer_add_be32(&p->bytes, (uint32_t)v);
}

void params_add_big(struct params *p, int64_t v)
{
	buffer_add_be32(&p->bytes, 8);
	buffer_add_be64(&p->bytes, (uint64_t)v);
}

void params_add_real(struct params *p, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	params_add_big(p, (int64_t)bits);
}

void params_array_end(struct params *p) { end(p); }
