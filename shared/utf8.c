#include "weir/utf8.h"

#include <stdint.h>
#include <string.h>

static bool continues(unsigned char c) { return (c & 0xC0) == 0x80; }

/* The second byte carries the rules against overlong forms, surrogates and too large values. */
static bool second_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xE0:
		return second >= 0xA0 && second <= 0xBF;
	case 0xED:
		return second >= 0x80 && second <= 0x9F;
	case 0xF0:
		return second >= 0x90 && second <= 0xBF;
	case 0xF4:
		return second >= 0x80 && second <= 0x8F;
	default:
		return continues(second);
	}
}

static size_t length_by_first(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

size_t utf8_step(const char *text, size_t size)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t length = size > 0 ? length_by_first(c[0]) : 0;

	if (length <= 1)
		return length;
	if (length > size || !second_fits(c[0], c[1]))
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!continues(c[i]))
			return 0;
	return length;
}

/* Most texts are ASCII: eight bytes at a time. */
static size_t skip_ascii(const char *text, size_t at, size_t size)
{
	uint64_t word;

	while (size - at >= sizeof(word)) {
		memcpy(&word, text + at, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
		at += sizeof(word);
	}
	while (at < size && (unsigned char)text[at] < 0x80)
		at++;
	return at;
}

size_t utf8_valid(const char *text, size_t size)
{
	size_t at = skip_ascii(text, 0, size);

	while (at < size) {
		size_t step = utf8_step(text + at, size - at);

		if (step == 0)
			return at;
		at = step > 1 ? at + step : skip_ascii(text, at, size);
	}
	return at;
}

/* Sorted. A blank stands at an end of a text for nothing; the others may be a part of what is
 * beside them there, as the variation selector behind an emoji is. */
static const struct range {
	uint32_t first, last;
	bool blank;
} invisible[] = {
	{0x0000, 0x0008, false},   {0x0009, 0x000D, true},    {0x000E, 0x001F, false},
	{0x0020, 0x0020, true},	   {0x007F, 0x0084, false},   {0x0085, 0x0085, true},
	{0x0086, 0x009F, false},   {0x00A0, 0x00A0, true},    {0x00AD, 0x00AD, false},
	{0x034F, 0x034F, false},   {0x061C, 0x061C, false},   {0x115F, 0x1160, false},
	{0x1680, 0x1680, true},	   {0x17B4, 0x17B5, false},   {0x180B, 0x180F, false},
	{0x2000, 0x200F, true},	   {0x2028, 0x2029, true},    {0x202A, 0x202E, false},
	{0x202F, 0x202F, true},	   {0x205F, 0x2060, true},    {0x2061, 0x206F, false},
	{0x2800, 0x2800, false},   {0x3000, 0x3000, true},    {0x3164, 0x3164, false},
	{0xFE00, 0xFE0F, false},   {0xFEFF, 0xFEFF, true},    {0xFFA0, 0xFFA0, false},
	{0xFFF0, 0xFFF8, false},   {0x1BCA0, 0x1BCA3, false}, {0x1D173, 0x1D17A, false},
	{0xE0000, 0xE0FFF, false},
};

static const struct range *find_invisible(uint32_t c)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(*invisible); i++)
		if (c <= invisible[i].last)
			return c >= invisible[i].first ? &invisible[i] : NULL;
	return NULL;
}

/* length as utf8_step() says it. */
static uint32_t decode(const unsigned char *c, size_t length)
{
	static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	uint32_t value = c[0] & mask[length];

	for (size_t i = 1; i < length; i++)
		value = value << 6 | (c[i] & 0x3F);
	return value;
}

bool utf8_is_blank(const char *text, size_t size)
{
	size_t step;

	for (size_t at = 0; at < size; at += step) {
		step = utf8_step(text + at, size - at);
		if (step == 0 || !find_invisible(decode((const unsigned char *)text + at, step)))
			return false;
	}
	return true;
}

size_t utf8_blank_step(const char *text, size_t size)
{
	size_t step = utf8_step(text, size);
	const struct range *found =
		step > 0 ? find_invisible(decode((const unsigned char *)text, step)) : NULL;

	return found && found->blank ? step : 0;
}

struct weir_text utf8_trim(struct weir_text text)
{
	size_t n;

	while ((n = utf8_blank_step(text.data, text.size)) > 0) {
		text.data += n;
		text.size -= n;
	}
	for (n = 1; n <= 3 && n <= text.size;) {
		bool blank = utf8_blank_step(text.data + text.size - n, n) == n;

		text.size -= blank ? n : 0;
		n = blank ? 1 : n + 1;
	}
	return text;
}
