/* sha256.h: SHA-256, FIPS 180-4. Of a text that is in memory as a whole. */
#ifndef WEIR_SOURCES_SHA256_H
#define WEIR_SOURCES_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const void *data, size_t size, uint8_t digest[32]);

#endif
