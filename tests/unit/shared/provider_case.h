/* provider_case.h: the models and responses of the providers' unit tests. */
#ifndef WEIR_TEST_PROVIDER_CASE_H
#define WEIR_TEST_PROVIDER_CASE_H

#include "weir/provider.h"

#define KEY "sk-secret-0123456789"

extern const struct model claude, gpt, compatible; /* the last one has no key */

struct weir_text text_of(const char *text);
/* A response; in headers a "|" stands for a line's end, and in the body a ' for a ". The caller
 * releases body and headers with response_release(). */
struct http_response response_of(int status, const char *headers, const char *body);
void response_release(struct http_response *r);
/* What provider_read() makes of it. */
void read_case(const struct model *m, int status, const char *headers, const char *body,
	       struct reply *out);

#endif
