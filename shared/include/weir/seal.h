/* seal.h: the mark that a relay puts on the messages of items, their AMQP property app_id:
 * "weir/LEDGER/SEAL". The first says whose the message is; the second is a code over its body, made
 * with a key of the job's own that only the ledger has, and tells a consumer without asking anybody
 * that what has travelled is what the ledger has.
 *
 * The code is SipHash-2-4 with 128 bits: a keyed function made for short inputs, well under a
 * microsecond for a message of 400 bytes. Source: Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012; the variant of 128 bits and its test vectors are those of the authors'
 * github.com/veorq/SipHash. Nothing blocks. */
#ifndef WEIR_SEAL_H
#define WEIR_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/plugin.h"

#define SEAL_KEY 16
#define SEAL_SIZE 16
#define SEAL_MARK_MAX 80 /* with its NUL */

/* ledger_id: of 36 characters. */
void seal_write(const char *ledger_id, const uint8_t key[SEAL_KEY], struct weir_text body,
		char mark[SEAL_MARK_MAX]);

/* Whose a message with this app_id is. NONE: it does not say so, as those of an older relay or of
 * another service. */
enum seal_owner { SEAL_OF_NONE, SEAL_OF_US, SEAL_OF_OTHERS };
enum seal_owner seal_owner(const char *mark, const char *ledger_id);
/* The id in a mark of others, or of us. */
struct weir_text seal_ledger(const char *mark);
/* Whether the mark has the code of this body. */
bool seal_fits(const char *mark, const uint8_t key[SEAL_KEY], struct weir_text body);

void seal_code(const uint8_t key[SEAL_KEY], const void *data, size_t size, uint8_t out[SEAL_SIZE]);

#endif
