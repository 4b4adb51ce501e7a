#include "natural.h"

#include <stdint.h>
#include <string.h>

#include "sha256.h"
#include "weir/message.h"
#include "weir/utf8.h"

#define PREFIX "sha256-"

enum { PREFIX_SIZE = sizeof PREFIX - 1, SHOWN = 80 };

static bool looks_hashed(struct weir_text key)
{
	return key.size == NATURAL_HASHED && memcmp(key.data, PREFIX, PREFIX_SIZE) == 0;
}

bool natural_stays(struct weir_text key) { return message_name_ok(key) && !looks_hashed(key); }

int natural_check(struct weir_text id, bool hash, struct weir_error *err)
{
	int shown = id.size < SHOWN ? (int)id.size : SHOWN;
	if (message_name_ok(id))
		return 0;
	if (id.size == 0)
		return weir_fail(err, "bad_name", "custom_id is empty");
	if (utf8_trim(id).size != id.size)
		return weir_fail(
			err, "bad_name",
			"custom_id \"%.*s\": there is a blank at its begin or end, and with "
			"it it would be another: take it out",
			shown, id.data);
	if (!hash)
		return weir_fail(
			err, "bad_name",
			"custom_id \"%.*s\": 1 to %d of A-Z a-z 0-9 _ - (--id-hash makes one "
			"of any key, and keeps the key)",
			shown, id.data, MESSAGE_NAME_MAX);
	if (id.size > NATURAL_MAX)
		return weir_fail(err, "bad_name", "custom_id \"%.*s...\": more than %d bytes",
				 shown, id.data, NATURAL_MAX);
	return 0;
}

void natural_hash(struct weir_text key, char out[NATURAL_HASHED + 1])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t digest[33] = {0}; /* a byte more, so that it is a multiple of 3 */
	char *to = out + PREFIX_SIZE;
	sha256(key.data, key.size, digest);
	memcpy(out, PREFIX, PREFIX_SIZE);
	for (size_t i = 0; i < 33; i += 3) {
		uint32_t bits =
			(uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | digest[i + 2];
		for (int shift = 18; shift >= 0 && to < out + NATURAL_HASHED; shift -= 6)
			*to++ = digits[bits >> shift & 63];
	}
	*to = '\0';
}
