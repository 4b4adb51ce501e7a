/* words.h: whether two descriptions are called the same, written from what README.md says of it, by
 * code of its own. Of weir it takes the lists of words. It knows neither abbreviations nor commas:
 * what it is given has none, or comes to the same without. */
#ifndef WEIR_TEST_WORDS_H
#define WEIR_TEST_WORDS_H

#include <libpq-fe.h>

enum words_verdict { WORDS_APART, WORDS_SHORTENED, WORDS_LIKELY, WORDS_SAME };

struct words_lists; /* what weir.word_list() says */

/* NULL: the database does not answer. */
struct words_lists *words_open(PGconn *db);
void words_close(struct words_lists *lists);
/* Of two keys as weir.item_key() makes them. */
enum words_verdict words_compare(const struct words_lists *lists, const char *a, const char *b);

#endif
