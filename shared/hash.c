#include "weir/hash.h"

#include <inttypes.h>
#include <stdio.h>

__extension__ typedef unsigned __int128 wide;

static wide add(wide hash, struct weir_text text)
{
	const wide prime = ((wide)1 << 88) + 0x13b;
	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * prime;
	return hash;
}

uint32_t hash_short(struct weir_text text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(hash ^ hash >> 32);
}

void hash_texts(struct weir_text one, struct weir_text other, char out[HASH_SIZE])
{
	wide basis = ((wide)0x6c62272e07bb0142 << 64) + 0x62b821756295c58d;
	wide hash = add(add(basis, one), other);
	snprintf(out, HASH_SIZE, "%016" PRIx64 "%016" PRIx64, (uint64_t)(hash >> 64),
		 (uint64_t)hash);
}
