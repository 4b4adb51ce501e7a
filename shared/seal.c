#include "weir/seal.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "weir/"
#define ID_SIZE 36 /* of a UUID as text */
#define CODE_AT (sizeof PREFIX - 1 + ID_SIZE + 1)

/* ---- SipHash ---- */

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

/* Least byte first, on any machine. */
static uint64_t read_word(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return le64toh(word);
}

static void write_word(uint8_t *at, uint64_t word)
{
	word = htole64(word);
	memcpy(at, &word, sizeof word);
}

static void rounds(struct state *s, int n)
{
	while (n-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void compress(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

static uint64_t join(const struct state *s) { return s->v0 ^ s->v1 ^ s->v2 ^ s->v3; }

void seal_code(const uint8_t key[SEAL_KEY], const void *data, size_t size, uint8_t out[SEAL_SIZE])
{
	const uint8_t *at = data, *end = at + (size & ~(size_t)7);
	const uint64_t k0 = read_word(key), k1 = read_word(key + 8);
	struct state s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee,
			  k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
	uint8_t last[8] = {0};
	for (; at < end; at += 8)
		compress(&s, read_word(at));
	memcpy(last, at, size & 7);
	last[7] = (uint8_t)size;
	compress(&s, read_word(last));
	s.v2 ^= 0xee;
	rounds(&s, 4);
	write_word(out, join(&s));
	s.v1 ^= 0xdd;
	rounds(&s, 4);
	write_word(out + 8, join(&s));
}

/* ---- marks ---- */

static void write_code(const uint8_t key[SEAL_KEY], struct weir_text body,
		       char out[2 * SEAL_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t code[SEAL_SIZE];
	seal_code(key, body.data, body.size, code);
	for (size_t i = 0; i < SEAL_SIZE; i++) {
		out[2 * i] = digits[code[i] >> 4];
		out[2 * i + 1] = digits[code[i] & 15];
	}
	out[2 * SEAL_SIZE] = '\0';
}

void seal_write(const char *ledger_id, const uint8_t key[SEAL_KEY], struct weir_text body,
		char mark[SEAL_MARK_MAX])
{
	char code[2 * SEAL_SIZE + 1];
	write_code(key, body, code);
	snprintf(mark, SEAL_MARK_MAX, PREFIX "%.*s/%s", ID_SIZE, ledger_id, code);
}

struct weir_text seal_ledger(const char *mark)
{
	const size_t prefix = sizeof PREFIX - 1;
	if (strncmp(mark, PREFIX, prefix) != 0 ||
	    strspn(mark + prefix, "0123456789abcdef-") != ID_SIZE)
		return (struct weir_text){"", 0};
	return (struct weir_text){mark + prefix, ID_SIZE};
}

enum seal_owner seal_owner(const char *mark, const char *ledger_id)
{
	struct weir_text id = seal_ledger(mark);
	if (id.size == 0)
		return SEAL_OF_NONE;
	return strncmp(id.data, ledger_id, ID_SIZE) == 0 ? SEAL_OF_US : SEAL_OF_OTHERS;
}

bool seal_fits(const char *mark, const uint8_t key[SEAL_KEY], struct weir_text body)
{
	char code[2 * SEAL_SIZE + 1];
	if (strlen(mark) != CODE_AT + 2 * SEAL_SIZE || mark[CODE_AT - 1] != '/')
		return false;
	write_code(key, body, code);
	return memcmp(mark + CODE_AT, code, 2 * SEAL_SIZE) == 0;
}
