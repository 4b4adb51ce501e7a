#include "message_scan.h"

#include "weir/utf8.h"

/* A value of a type byte from 0xC0 to 0xDF: how many bytes follow, and what they count. */
enum shape { NEVER, PLAIN, TEXT, BYTES, ARRAY, MAP };

struct form {
	unsigned char shape;
	unsigned char width; /* of the value when PLAIN, else of the count that comes first */
};

/* 0xC1 is in no use; ext types mean nothing in a message. */
static const struct form forms[32] = {
	[0x00] = {PLAIN, 0}, [0x02] = {PLAIN, 0}, [0x03] = {PLAIN, 0}, [0x04] = {BYTES, 1},
	[0x05] = {BYTES, 2}, [0x06] = {BYTES, 4}, [0x0A] = {PLAIN, 4}, [0x0B] = {PLAIN, 8},
	[0x0C] = {PLAIN, 1}, [0x0D] = {PLAIN, 2}, [0x0E] = {PLAIN, 4}, [0x0F] = {PLAIN, 8},
	[0x10] = {PLAIN, 1}, [0x11] = {PLAIN, 2}, [0x12] = {PLAIN, 4}, [0x13] = {PLAIN, 8},
	[0x19] = {TEXT, 1},  [0x1A] = {TEXT, 2},  [0x1B] = {TEXT, 4},  [0x1C] = {ARRAY, 2},
	[0x1D] = {ARRAY, 4}, [0x1E] = {MAP, 2},	  [0x1F] = {MAP, 4},
};

/* A map or array that is not yet at its end. */
struct level {
	size_t left; /* values still to come; of a map keys and values each count */
	bool map;
};

struct scan {
	const char *start, *at, *end;
	struct level levels[MESSAGE_DEPTH_MAX];
	unsigned depth, depth_max;
	size_t values, zone_bytes;
	const struct message_pairs *pairs; /* NULL: nobody is told */
	struct weir_text key;		   /* the last one of the outermost map */
	const char *value;		   /* where its value begins; NULL: no key came yet */
	struct weir_error *err;
};

static int fault(const struct scan *s, const char *code, const char *what)
{
	return weir_fail(s->err, code, "byte %zu: %s", (size_t)(s->at - s->start), what);
}

static int truncated(const struct scan *s)
{
	return weir_fail(s->err, "truncated", "byte %zu: the body ends within a value",
			 (size_t)(s->end - s->start));
}

static size_t remaining(const struct scan *s) { return (size_t)(s->end - s->at); }

static int take_bytes(struct scan *s, size_t n)
{
	if (n > remaining(s))
		return truncated(s);
	s->at += n;
	return 0;
}

static int take_text(struct scan *s, size_t n)
{
	size_t valid;

	if (n > remaining(s))
		return truncated(s);
	valid = utf8_valid(s->at, n);
	s->at += valid;
	return valid == n ? 0 : fault(s, "bad_utf8", "this is not UTF-8");
}

/* A count is believed only as far as the bytes that remain can bear it out. */
static int take_level(struct scan *s, size_t count, bool map)
{
	size_t values = map ? 2 * count : count;

	if (s->depth == s->depth_max)
		return weir_fail(s->err, "too_deep",
				 "byte %zu: more than %u maps and arrays within each other",
				 (size_t)(s->at - s->start), s->depth_max);
	if (values > remaining(s))
		return truncated(s);
	s->values += values;
	if (s->values > MESSAGE_VALUES_MAX)
		return weir_fail(s->err, "oversized", "byte %zu: more than %d values",
				 (size_t)(s->at - s->start), MESSAGE_VALUES_MAX);
	if (s->depth > 0 || !s->pairs)
		s->zone_bytes += values * sizeof(msgpack_object);
	s->levels[s->depth++] = (struct level){.left = values, .map = map};
	return 0;
}

static size_t read_count(const char *at, size_t width)
{
	size_t count = 0;

	for (size_t i = 0; i < width; i++)
		count = count << 8 | (unsigned char)at[i];
	return count;
}

static int take_counted(struct scan *s, struct form form)
{
	size_t count;

	if (form.width > remaining(s))
		return truncated(s);
	count = read_count(s->at, form.width);
	s->at += form.width;
	switch (form.shape) {
	case TEXT:
		return take_text(s, count);
	case BYTES:
		return take_bytes(s, count);
	default:
		return take_level(s, count, form.shape == MAP);
	}
}

static int take_form(struct scan *s, unsigned char type, bool key)
{
	struct form form = forms[type & 0x1F];

	if (form.shape == NEVER) {
		s->at--;
		return fault(s, "bad_type", "a type that no message has");
	}
	if (key && form.shape != TEXT) {
		s->at--;
		return fault(s, "bad_type", "a key that is not a string");
	}
	return form.shape == PLAIN ? take_bytes(s, form.width) : take_counted(s, form);
}

static int take_value(struct scan *s, bool key)
{
	unsigned char type = (unsigned char)*s->at++;

	if ((type & 0xE0) == 0xA0)
		return take_text(s, type & 0x1F);
	if (type >= 0xC0 && type <= 0xDF)
		return take_form(s, type, key);
	if (key) {
		s->at--;
		return fault(s, "bad_type", "a key that is not a string");
	}
	if (type < 0x80 || type >= 0xE0)
		return 0;
	return take_level(s, type & 0x0F, type < 0x90);
}

/* Whether the next value is a key: in a map these are the ones with an even number left. */
static bool count_down(struct scan *s)
{
	struct level *level;

	if (s->depth == 0)
		return false;
	level = &s->levels[s->depth - 1];
	return level->left-- % 2 == 0 && level->map;
}

bool message_is_map(char type)
{
	unsigned char t = (unsigned char)type;

	return (t & 0xF0) == 0x80 || (t >= 0xC0 && t <= 0xDF && forms[t & 0x1F].shape == MAP);
}

bool message_text(struct weir_text value, struct weir_text *out)
{
	unsigned char type = (unsigned char)*value.data;
	size_t head = 1;

	if (type >= 0xC0 && type <= 0xDF && forms[type & 0x1F].shape == TEXT)
		head += forms[type & 0x1F].width;
	else if ((type & 0xE0) != 0xA0)
		return false;
	*out = (struct weir_text){value.data + head, value.size - head};
	return true;
}

bool message_natural(struct weir_text value, uint64_t *out)
{
	unsigned char type = (unsigned char)*value.data;

	*out = type;
	if (type < 0x80)
		return true;
	if (type < 0xCC || type > 0xD3)
		return false;
	*out = read_count(value.data + 1, value.size - 1);
	return type < 0xD0 || ((unsigned char)value.data[1] & 0x80) == 0; /* the sign */
}

/* From a key, and from a value, of the outermost map. */
static void tell(struct scan *s, bool key, const char *from)
{
	if (key) {
		message_text((struct weir_text){from, (size_t)(s->at - from)}, &s->key);
		s->value = s->at;
	} else if (s->value) {
		s->pairs->tell(s->pairs->owner, s->key,
			       (struct weir_text){s->value, (size_t)(s->at - s->value)});
	}
}

static int walk(struct scan *s)
{
	do {
		bool key = count_down(s);
		const char *from = s->at;

		if (s->at == s->end)
			return truncated(s);
		if (take_value(s, key) < 0)
			return -1;
		while (s->depth > 0 && s->levels[s->depth - 1].left == 0)
			s->depth--;
		if (s->depth <= 1 && s->pairs)
			tell(s, key, from);
	} while (s->depth > 0);
	return s->at == s->end ? 0 : fault(s, "trailing_bytes", "the value ends before the body");
}

int message_measure(struct weir_text body, unsigned depth_max, const struct message_pairs *pairs,
		    size_t *zone_bytes, struct weir_error *err)
{
	struct scan s;

	if (body.size > MESSAGE_MAX)
		return weir_fail(err, "oversized", "%zu bytes, the most is %d", body.size,
				 MESSAGE_MAX);
	if (body.size == 0)
		return weir_fail(err, "truncated", "byte 0: the body is empty");
	s.start = s.at = body.data;
	s.end = body.data + body.size;
	s.depth = 0;
	s.depth_max = depth_max;
	s.values = s.zone_bytes = 0;
	s.pairs = pairs;
	s.value = NULL;
	s.err = err;
	if (walk(&s) < 0)
		return -1;
	*zone_bytes = s.zone_bytes;
	return 0;
}

int message_scan(const char *body, size_t size, struct weir_error *err)
{
	size_t zone_bytes;

	return message_measure((struct weir_text){body, size}, MESSAGE_DEPTH_MAX, NULL, &zone_bytes,
			       err);
}
