/* kinds.h: what a kind tells of itself (weir_about), for people and as JSON. */
#ifndef WEIR_KINDS_H
#define WEIR_KINDS_H

#include "weir/buffer.h"

/* Check the buffer afterwards. A kind that tells nothing has its name, version and summary. */
void kind_write_text(const struct weir_plugin *p, struct buffer *out);
/* {"kind", "version", "summary", "payload", "context", "tables", "results", "sources", "sample"},
 * with the comma behind it; of each field {"name", "types", "need", "help"}. What is not told is
 * null. */
void kind_write_json(const struct weir_plugin *p, struct buffer *out);

#endif
