/* natural.h: names that items have elsewhere, and the custom_id that --id-hash makes of them.
 *
 * A natural key is a text of 1 to NATURAL_MAX bytes, with no blank at its ends: whoever compares
 * such keys would not see it, and two would be one. One that is a custom_id already
 * (message_name_ok()) stays. Of any other the custom_id is "sha256-" and the SHA-256 of its bytes
 * in base64url without padding (RFC 4648, section 5), 50 characters; the same key has the same
 * custom_id, always: printf %s KEY | openssl dgst -sha256 -binary | basenc --base64url | tr -d = A
 * key that looks like such a custom_id is hashed too, so that it is never the same as another's. */
#ifndef WEIR_SOURCES_NATURAL_H
#define WEIR_SOURCES_NATURAL_H

#include <stdbool.h>

#include "weir/error.h"

#define NATURAL_MAX 1024 /* bytes */
#define NATURAL_HASHED 50

/* Whether an item may be called so: as it is or, with `hash`, by what is made of it. 0, or -1 with
 * err (bad_name), which says what else can be done. */
int natural_check(struct weir_text id, bool hash, struct weir_error *err) WEIR_MUST_CHECK;

/* Whether the key is its own custom_id. */
bool natural_stays(struct weir_text key);

void natural_hash(struct weir_text key, char out[NATURAL_HASHED + 1]);

#endif
