/* What the errors of providers mean: statuses, headers and bodies as the vendors send them. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "provider_case.h"
#include "weir/provider.h"

#define ERROR(type, message) "{'type':'error','error':{'type':'" type "','message':'" message "'}}"
#define CODE(code, message)                                                                        \
	"{'error':{'message':'" message "','type':'x','param':null,'code':'" code "'}}"
#define UPSTREAM_401                                                                               \
	"{'error':{'message':'Provider returned error','code':401,'metadata':{'raw':"              \
	"'authentication_error','provider_name':'Anthropic','isErrorUpstreamFault':true}}}"
#define NGINX(title)                                                                               \
	"<html>\r\n<head><title>" title "</title></head>\r\n<body>\r\n<center><h1>" title          \
	"</h1></center>\r\n<hr><center>nginx</center>\r\n"
#define NOW_DATE "Date: Thu, 01 Jan 2026 00:00:00 GMT|"
#define GOOGLES "You exceeded your current quota, please check your plan and billing details."
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT|"

static const struct error_case {
	const struct model *model;
	int status;
	const char *headers, *body;
	enum reply_kind kind;
	int64_t after_ms;
	bool fleet;
	const char *code, *part; /* of the error */
} cases[] = {
	/* the statuses of one vendor */
	{&claude, 400, "", ERROR("invalid_request_error", "max_tokens: too large"), REPLY_REFUSED,
	 0, false, "bad_request", "max_tokens: too large"},
	{&claude, 401, "", ERROR("authentication_error", "invalid x-api-key"), REPLY_STOP, 0, false,
	 "bad_key", "HTTP 401 authentication_error: invalid x-api-key"},
	{&claude, 402, "", ERROR("billing_error", "pay"), REPLY_STOP, 0, false, "billing", "pay"},
	{&claude, 403, "", ERROR("permission_error", "no"), REPLY_STOP, 0, false, "not_allowed",
	 "no"},
	{&claude, 404, "", ERROR("not_found_error", "model: claude-x"), REPLY_STOP, 0, false,
	 "not_found", "claude-x"},
	{&claude, 408, "", "", REPLY_RETRY, 0, false, "provider_timeout", "HTTP 408"},
	{&claude, 409, "", ERROR("conflict_error", "c"), REPLY_RETRY, 0, false, "provider_conflict",
	 "c"},
	{&claude, 413, "", ERROR("request_too_large", "big"), REPLY_REFUSED, 0, false,
	 "bad_request", "big"},
	{&claude, 422, "", "", REPLY_REFUSED, 0, false, "bad_request", "HTTP 422"},
	{&claude, 429, "", ERROR("rate_limit_error", "slow"), REPLY_THROTTLED, 0, true,
	 "rate_limited", "slow"},
	{&claude, 500, "", ERROR("api_error", "oops"), REPLY_RETRY, 0, false, "provider_error",
	 "oops"},
	{&claude, 502, "", "<html>\r\n<b>Bad Gateway</b>", REPLY_RETRY, 0, false, "provider_error",
	 "HTTP 502 an HTML page: <html>  <b>Bad Gateway</b>"},
	{&claude, 503, "", "", REPLY_THROTTLED, 0, false, "overloaded", "HTTP 503"},
	{&claude, 504, "", ERROR("timeout_error", "t"), REPLY_RETRY, 0, false, "provider_timeout",
	 "t"},
	{&claude, 529, "", ERROR("overloaded_error", "Overloaded"), REPLY_THROTTLED, 0, false,
	 "overloaded", "Overloaded"},
	{&claude, 200, "", ERROR("overloaded_error", "Overloaded"), REPLY_THROTTLED, 0, false,
	 "overloaded", "overloaded_error: Overloaded"},
	{&claude, 302, "Location: /login|", "", REPLY_STOP, 0, false, "not_found",
	 "HTTP 302: https://api.anthropic.com/v1/messages leads to /login, and calls"},

	/* an error in a 2xx, and codes that are numbers: as the status that they name */
	{&gpt, 200, "", "{'error':{'message':'Provider returned error','code':429}}",
	 REPLY_THROTTLED, 0, true, "rate_limited", "429: Provider returned error"},
	{&gpt, 200, "", "{'error':{'message':'m','code':'502'}}", REPLY_RETRY, 0, false,
	 "provider_error", "HTTP 502 502: m"},
	{&gpt, 200, "", "\n\n{'error':{'message':'too long','code':400}}", REPLY_REFUSED, 0, false,
	 "bad_request", "too long"},
	{&gpt, 200, "",
	 "{'id':'g','choices':[{'error':{'message':'up','code':429},'finish_reason':'error',"
	 "'message':{'role':'assistant','content':''}}]}",
	 REPLY_THROTTLED, 0, true, "rate_limited", "up"},
	{&gpt, 200, "", "{'choices':[{'finish_reason':'error','message':{'content':'half'}}]}",
	 REPLY_RETRY, 0, false, "provider_error", "ended the answer"},
	{&gpt, 200, "", "{'error':'The model has crashed.'}", REPLY_RETRY, 0, false,
	 "provider_error", "The model has crashed."},
	{&gpt, 200, "", "{'error':true,'message':'Out of memory'}", REPLY_RETRY, 0, false,
	 "provider_error", "Out of memory"},
	{&gpt, 200, "", "{'success':false,'errors':[{'code':3040,'message':'capacity'}]}",
	 REPLY_RETRY, 0, false, "provider_error", "3040: capacity"},
	{&gpt, 200, "", "{'choices':null,'base_resp':{'status_code':1002,'status_msg':'rate'}}",
	 REPLY_RETRY, 0, false, "provider_error", "1002: rate"},
	{&gpt, 200, "", "{'error':{'message':'m','code':1e300}}", REPLY_RETRY, 0, false,
	 "provider_error", "m"},
	{&gpt, 200, "", "{'code':500,'msg':'lost'}", REPLY_RETRY, 0, false, "provider_error",
	 "500: lost"},
	{&gpt, 429, "", "[{'error':{'code':429,'message':'full','status':'RESOURCE_EXHAUSTED'}}]",
	 REPLY_THROTTLED, 0, true, "rate_limited", "full"},
	{&gpt, 429, "", "{'error':{'message':'m','details':[{'@type':'t'},{'retryDelay':'2s'}]}}",
	 REPLY_THROTTLED, 2000, true, "rate_limited", "m"},
	{&gpt, 400, "", "{'object':'error','message':'long','type':'BadRequestError','code':400}",
	 REPLY_REFUSED, 0, false, "bad_request", "long"},
	{&gpt, 400, "", "[{'error':{'code':400,'message':'API key not valid. Please'}}]",
	 REPLY_STOP, 0, false, "bad_key", "not valid"},
	{&gpt, 500, "", "{'detail':[{'loc':['body'],'msg':'Field required'}]}", REPLY_RETRY, 0,
	 false, "provider_error", "Field required"},
	{&gpt, 500, "", "{'detail':{'error':{'message':'CUDA','code':500}}}", REPLY_RETRY, 0, false,
	 "provider_error", "CUDA"},
	{&gpt, 500, "", "{'error':{'message':'upstream is full','code':429}}", REPLY_THROTTLED, 0,
	 true, "rate_limited", "HTTP 500 429: upstream is full"},
	{&gpt, 422, "", "{'object':'error','message':{'detail':[{'msg':'Extra'}]}}", REPLY_REFUSED,
	 0, false, "bad_request", "Extra"},
	{&gpt, 400, "", "{'error':{'code':'json_validate_failed','message':'m'}}", REPLY_RETRY, 0,
	 false, "bad_answer", "json_validate_failed"},

	/* a 5xx is an outage, whatever it names */
	{&gpt, 500, "", UPSTREAM_401, REPLY_RETRY, 0, false, "provider_error",
	 "HTTP 500 401: Provider returned error"},
	{&gpt, 502, "", "{'error':{'message':'upstream returned 401','code':401}}", REPLY_RETRY, 0,
	 false, "provider_error", "upstream returned 401"},
	{&gpt, 502, "", "{'error':{'message':'m','code':'403'}}", REPLY_RETRY, 0, false,
	 "provider_error", "HTTP 502 403: m"},
	{&gpt, 503, "", "{'error':{'message':'m','code':404}}", REPLY_THROTTLED, 0, false,
	 "overloaded", "HTTP 503 404: m"},
	{&gpt, 504, "", "{'error':{'message':'m','code':402}}", REPLY_RETRY, 0, false,
	 "provider_timeout", "m"},
	{&gpt, 500, "", "{'error':{'message':'m','code':400}}", REPLY_RETRY, 0, false,
	 "provider_error", "m"},
	{&gpt, 500, "", CODE("invalid_api_key", "Incorrect key"), REPLY_RETRY, 0, false,
	 "provider_error", "invalid_api_key: Incorrect key"},
	{&gpt, 500, "", CODE("insufficient_quota", "You exceeded your current quota"), REPLY_RETRY,
	 0, false, "provider_error", "insufficient_quota"},
	{&gpt, 500, "", CODE("model_not_found", "no such model"), REPLY_RETRY, 0, false,
	 "provider_error", "no such model"},
	{&claude, 500, "", ERROR("authentication_error", "invalid x-api-key"), REPLY_RETRY, 0,
	 false, "provider_error", "invalid x-api-key"},
	{&claude, 529, "", ERROR("permission_error", "no"), REPLY_THROTTLED, 0, false, "overloaded",
	 "no"},
	/* LiteLLM, pull request 38318: no branch for the provider, so a bad key is a 500 */
	{&gpt, 500, "",
	 "{'error':{'message':'litellm.APIConnectionError: MinimaxException - {\\'http_code\\':"
	 "\\'401\\'}','type':null,'param':null,'code':'500'}}",
	 REPLY_RETRY, 0, false, "provider_error", "MinimaxException"},
	/* Azure API Management: its own failure, and its quota policy */
	{&gpt, 500, "", "{'statusCode':500,'message':'Internal server error','activityId':'a'}",
	 REPLY_RETRY, 0, false, "provider_error", "HTTP 500 500: Internal server error"},
	{&gpt, 503, "", "{'statusCode':401,'message':'Unauthorized'}", REPLY_THROTTLED, 0, false,
	 "overloaded", "HTTP 503 401: Unauthorized"},
	{&gpt, 403, "Retry-After: 60|",
	 "{'statusCode':403,'message':'Out of call volume quota. Quota will be replenished in "
	 "00:01:00.'}",
	 REPLY_THROTTLED, 60000, true, "rate_limited", "Out of call volume quota"},
	{&gpt, 401, "", "{'statusCode':401,'message':'Access denied due to invalid subscription'}",
	 REPLY_STOP, 0, false, "bad_key", "Access denied"},
	/* Cloudflare: its pages as JSON, and its AI Gateway (cloudflare/ai#436; changelog of
	 * 2026-10-05: rejected credentials of Unified Billing are a 503) */
	{&gpt, 502, "",
	 "{'type':'https://developers.cloudflare.com/error-502/','title':'Error 502: Bad gateway',"
	 "'status':502}",
	 REPLY_RETRY, 0, false, "provider_error", "Bad gateway"},
	{&gpt, 400, "",
	 "{'success':false,'result':[],'messages':[],'error':[{'code':2005,'message':'Failed to "
	 "get response from provider'}]}",
	 REPLY_RETRY, 0, false, "provider_error", "2005: Failed to get response"},
	{&gpt, 503, "", "{'success':false,'errors':[{'code':2009,'message':'Unauthorized'}]}",
	 REPLY_THROTTLED, 0, false, "overloaded", "2009: Unauthorized"},
	{&gpt, 401, "", "{'success':false,'errors':[{'code':2009,'message':'Unauthorized'}]}",
	 REPLY_STOP, 0, false, "bad_key", "2009: Unauthorized"},
	/* nginx names nothing but its own status */
	{&gpt, 502, "", NGINX("502 Bad Gateway"), REPLY_RETRY, 0, false, "provider_error",
	 "502 Bad Gateway"},
	{&gpt, 503, "", NGINX("401 Authorization Required"), REPLY_THROTTLED, 0, false,
	 "overloaded", "401 Authorization Required"},
	{&gpt, 401, "", NGINX("401 Authorization Required"), REPLY_STOP, 0, false, "bad_key",
	 "401 Authorization Required"},

	/* a key, a bill and a model of the server behind a gateway are not the caller's: OpenRouter
	 * (OpenRouterTeam/ai-sdk-provider#24, its errors), one-api and its kin */
	{&gpt, 401, "", UPSTREAM_401, REPLY_RETRY, 0, false, "provider_error", "HTTP 401 401: "},
	{&gpt, 200, "", UPSTREAM_401, REPLY_RETRY, 0, false, "provider_error", "Provider returned"},
	{&gpt, 200, "",
	 "{'error':{'message':'Provider returned error','code':401,'metadata':{'raw':'x',"
	 "'provider_name':'Anthropic','is_byok':true}}}",
	 REPLY_STOP, 0, false, "bad_key", "Provider returned error"},
	{&gpt, 200, "", "{'error':{'message':'User not found.','code':401}}", REPLY_STOP, 0, false,
	 "bad_key", "User not found."},
	{&gpt, 402, "", "{'error':{'message':'Insufficient credits','code':402}}", REPLY_STOP, 0,
	 false, "billing", "Insufficient credits"},
	{&gpt, 403, "",
	 "{'error':{'message':'m','code':403,'metadata':{'reasons':['violence'],'flagged_input':"
	 "'..','provider_name':'OpenAI','model_slug':'s'}}}",
	 REPLY_REFUSED, 0, false, "refused_answer", "m"},
	{&gpt, 200, "",
	 "{'error':{'message':'m','code':429,'metadata':{'raw':'r','provider_name':'BaseTen'}}}",
	 REPLY_THROTTLED, 0, true, "rate_limited", "m"},
	{&gpt, 400, "",
	 "{'error':{'message':'m','code':400,'metadata':{'raw':'r','provider_name':'Crucible'}}}",
	 REPLY_REFUSED, 0, false, "bad_request", "m"},
	{&gpt, 401, "",
	 "{'error':{'message':'bad response status code 401','type':'upstream_error','param':'401',"
	 "'code':'bad_response_status_code'}}",
	 REPLY_RETRY, 0, false, "provider_error", "bad response status code 401"},
	{&gpt, 502, "", "{'error':{'message':'Not Found','type':'upstream_error','code':502}}",
	 REPLY_RETRY, 0, false, "provider_error", "Not Found"},

	/* what is no JSON is named as what it is */
	{&gpt, 200, "", "<!doctype html><html><head><title> Open WebUI </title>", REPLY_RETRY, 0,
	 false, "bad_response",
	 "HTTP 200, and what should be an answer is an HTML page: Open WebUI"},
	{&gpt, 502, "", "<html><head><title>502 Bad Gateway</title></head>", REPLY_RETRY, 0, false,
	 "provider_error", "HTTP 502 an HTML page: 502 Bad Gateway"},
	{&gpt, 200, "", "data: {'id':'c','choices':[{'delta':{}}]}\n\ndata: [DONE]\n", REPLY_RETRY,
	 0, false, "bad_response", "is a stream of events, though none was asked for: data: {"},
	{&claude, 200, "",
	 "event: error\ndata: {'type':'error','error':{'type':'overloaded_error',"
	 "'message':'Overloaded'}}\n\n",
	 REPLY_THROTTLED, 0, false, "overloaded", "Overloaded"},
	{&gpt, 200, "", "\x1F\x8B\b\x01\xFFx", REPLY_RETRY, 0, false, "bad_response",
	 "is gzip, though it does not say so: \\x1F\\x8B\\x08\\x01\\xFFx"},
	{&gpt, 200, "", "", REPLY_RETRY, 0, false, "bad_response", "is an empty body"},
	{&gpt, 200, "", "upstream request timeout", REPLY_RETRY, 0, false, "bad_response",
	 "is text: upstream request timeout"},
	{&gpt, 200, "", "{'choices':[{'mess", REPLY_RETRY, 0, false, "bad_response",
	 "is JSON that is cut or broken at byte 18 of 18 (premature end of input near"},
	{&gpt, 200, "", "{'id':'x','object':'what'}", REPLY_RETRY, 0, false, "bad_response",
	 "is JSON of another form: {"},
	{&gpt, 200, "", "{'choices':[{'message':{'content':'a'}}]} // end", REPLY_RETRY, 0, false,
	 "bad_response",
	 "is JSON that is cut or broken at byte 43 of 48 (end of file expected near"},
	{&gpt, 202, "", "{'id':'x','status':'queued'}", REPLY_RETRY, 0, false, "bad_response",
	 "HTTP 202"},
	{&gpt, 200, "", "<html>" KEY, REPLY_RETRY, 0, false, "bad_response", "***"},

	/* bills that come as something else */
	{&claude, 400, "",
	 ERROR("invalid_request_error", "Your credit balance is too low to access"), REPLY_STOP, 0,
	 false, "billing", "credit balance"},
	{&claude, 429, "Retry-After: 5|",
	 "{'error':{'type':'rate_limit_error','message':'m',"
	 "'details':{'error_code':'enforced_spend_limit_reached'}}}",
	 REPLY_STOP, 0, false, "billing", "enforced_spend_limit_reached"},
	{&gpt, 429, "", CODE("insufficient_quota", "You exceeded your current quota"), REPLY_STOP,
	 0, false, "billing", "insufficient_quota"},
	{&gpt, 429, "", CODE("credit_balance_exhausted", "m"), REPLY_STOP, 0, false, "billing",
	 "m"},
	{&compatible, 400, "", "{'error':'Insufficient tokens: exceeded your current quota'}",
	 REPLY_STOP, 0, false, "billing", "Insufficient tokens"},

	/* the statuses of the other */
	{&gpt, 401, "", CODE("invalid_api_key", "Incorrect key"), REPLY_STOP, 0, false, "bad_key",
	 "Incorrect key"},
	{&gpt, 404, "", CODE("model_not_found", "no such model"), REPLY_STOP, 0, false, "no_model",
	 "no such model"},
	{&gpt, 400, "", CODE("context_length_exceeded", "long"), REPLY_REFUSED, 0, false,
	 "bad_request", "context_length_exceeded: long"},
	{&gpt, 429, "", CODE("rate_limit_exceeded", "slow"), REPLY_THROTTLED, 0, true,
	 "rate_limited", "slow"},
	{&gpt, 500, "", CODE("server_error", "oops"), REPLY_RETRY, 0, false, "provider_error",
	 "oops"},
	{&compatible, 404, "",
	 "{'object':'error','message':'The model x does not exist','code':404}", REPLY_STOP, 0,
	 false, "not_found", "The model x does not exist"},

	{&gpt, 429, "", CODE("rate_limit_exceeded", "Request too large for gpt-mini on TPM"),
	 REPLY_REFUSED, 0, false, "bad_request", "too large"},

	/* how long to wait */
	{&gpt, 429, "Retry-After: 2|", "", REPLY_THROTTLED, 2000, true, "rate_limited", ""},
	{&gpt, 429, "retry-after: 0.25|", "", REPLY_THROTTLED, 250, true, "rate_limited", ""},
	{&gpt, 429, "Retry-After: 0|", "", REPLY_THROTTLED, 1, true, "rate_limited", ""},
	{&gpt, 429, "Retry-After: 2|Retry-After-Ms: 1500|", "", REPLY_THROTTLED, 1500, true,
	 "rate_limited", ""},
	{&gpt, 429, "Retry-After: 3|Retry-After-Ms: soon|", "", REPLY_THROTTLED, 3000, true,
	 "rate_limited", ""},
	{&gpt, 503, DATE "Retry-After: Sun, 06 Nov 1994 08:49:57 GMT|", "", REPLY_THROTTLED, 20000,
	 false, "overloaded", ""},
	{&gpt, 503, DATE "Retry-After: Sun, 06 Nov 1994 08:40:00 GMT|", "", REPLY_THROTTLED, 1,
	 false, "overloaded", ""},
	{&gpt, 500, "Retry-After: 1|", "", REPLY_RETRY, 1000, false, "provider_error", ""},
	{&gpt, 429, "Retry-After: -5|", "", REPLY_THROTTLED, 0, true, "rate_limited", ""},
	{&gpt, 429, "Retry-After: nan|", "", REPLY_THROTTLED, 0, true, "rate_limited", ""},
	{&gpt, 429, "Retry-After: 1e300|", "", REPLY_THROTTLED, PROVIDER_WAIT_MAX_MS, true,
	 "rate_limited", ""},
	{&gpt, 429, "Retry-After: whenever|", "", REPLY_THROTTLED, 0, true, "rate_limited", ""},
	{&gpt, 400, "Retry-After: 2|", "", REPLY_REFUSED, 0, false, "bad_request", ""},
	{&gpt, 429,
	 "x-ratelimit-limit-requests: 60|x-ratelimit-remaining-requests: 0|"
	 "x-ratelimit-reset-requests: 1m0.5s|",
	 "", REPLY_THROTTLED, 60500, true, "rate_limited", ""},

	/* a time since 1970 is one; nothing is waited for longer than an hour */
	{&gpt, 429, NOW_DATE "Retry-After: 1767225630|", "", REPLY_THROTTLED, 30000, true,
	 "rate_limited", ""},
	{&gpt, 429, NOW_DATE "Retry-After: 1767225630500|", "", REPLY_THROTTLED, 30500, true,
	 "rate_limited", ""},
	{&gpt, 429, NOW_DATE "Retry-After: 1767225500|", "", REPLY_THROTTLED, 1, true,
	 "rate_limited", ""},
	{&gpt, 429, NOW_DATE "Retry-After: 1798761600|", "", REPLY_THROTTLED, PROVIDER_WAIT_MAX_MS,
	 true, "rate_limited", ""},
	{&gpt, 429, "Retry-After: 31536000|", "", REPLY_THROTTLED, PROVIDER_WAIT_MAX_MS, true,
	 "rate_limited", ""},
	{&gpt, 429,
	 NOW_DATE "x-ratelimit-limit-requests: 60|x-ratelimit-remaining-requests: 0|"
		  "x-ratelimit-reset-requests: 1767225610|",
	 "", REPLY_THROTTLED, 10000, true, "rate_limited", ""},
	/* and messages tell it, too */
	{&gpt, 429, "", CODE("rate_limit_exceeded", "Please try again in 1m2.5s. Visit"),
	 REPLY_THROTTLED, 62500, true, "rate_limited", ""},
	{&gpt, 429, "", CODE("rate_limit_exceeded", "Please try again in 20ms."), REPLY_THROTTLED,
	 20, true, "rate_limited", ""},
	{&gpt, 429, "", CODE("429", "Please retry after 6 seconds."), REPLY_THROTTLED, 6000, true,
	 "rate_limited", ""},
	{&gpt, 429, "", CODE("429", "try again in 1 minute 5 seconds"), REPLY_THROTTLED, 65000,
	 true, "rate_limited", ""},
	{&gpt, 429, "", CODE("429", "retry after 5"), REPLY_THROTTLED, 5000, true, "rate_limited",
	 ""},
	{&gpt, 429, "", CODE("429", "retry after 2026-01-01"), REPLY_THROTTLED, 0, true,
	 "rate_limited", ""},
	{&gpt, 429, "", CODE("429", "try again in 5 requests"), REPLY_THROTTLED, 0, true,
	 "rate_limited", ""},
	{&gpt, 429, "Retry-After: 3|", CODE("429", "try again in 5 s"), REPLY_THROTTLED, 3000, true,
	 "rate_limited", ""},

	/* a quota that fills again is no bill */
	{&gpt, 429, "",
	 "[{'error':{'code':429,'message':'" GOOGLES
	 " Please retry in 2.5s.','status':'RESOURCE_EXHAUSTED','details':[{'@type':"
	 "'type.googleapis.com/google.rpc.RetryInfo','retryDelay':'2s'}]}}]",
	 REPLY_THROTTLED, 2000, true, "rate_limited", "exceeded your current quota"},
	{&gpt, 429, "", "{'error':{'code':429,'message':'" GOOGLES " Please retry in 2.5s.'}}",
	 REPLY_THROTTLED, 2500, true, "rate_limited", "429"},
	{&gpt, 429, "",
	 "{'error':{'message':'litellm.RateLimitError: VertexAIException - {\\'error\\':"
	 "{\\'message\\': \\'" GOOGLES "\\', \\'retryDelay\\': \\'7s\\'}}','code':'429'}}",
	 REPLY_THROTTLED, 7000, true, "rate_limited", "VertexAIException"},
	{&gpt, 429, "Retry-After: 4|", "{'error':{'code':429,'message':'" GOOGLES "'}}",
	 REPLY_THROTTLED, 4000, true, "rate_limited", ""},
	{&gpt, 429, "",
	 "{'error':{'code':429,'message':'" GOOGLES "','details':[{'violations':[{'quotaId':"
	 "'GenerateRequestsPerMinutePerProjectPerModel-FreeTier'}]}]}}",
	 REPLY_THROTTLED, 0, true, "rate_limited", ""},
	{&gpt, 429, "",
	 "{'error':{'code':429,'message':'" GOOGLES "','details':[{'violations':[{'quotaId':"
	 "'GenerateRequestsPerDayPerProjectPerModel-FreeTier'}]},{'retryDelay':'40000s'}]}}",
	 REPLY_STOP, 0, false, "billing", ""},
	{&gpt, 429, "", "{'error':{'code':429,'message':'" GOOGLES "'}}", REPLY_STOP, 0, false,
	 "billing", ""},

	/* what an item says is held back: the others go on */
	{&gpt, 403, "",
	 "{'error':{'code':403,'message':'Input flagged','metadata':{'reasons':['violence'],"
	 "'flagged_input':'kill'}}}",
	 REPLY_REFUSED, 0, false, "refused_answer", "Input flagged"},
	{&gpt, 400, "",
	 "{'error':{'message':'The response was filtered','type':null,'param':'prompt','code':"
	 "'content_filter','status':400,'innererror':{'code':'ResponsibleAIPolicyViolation'}}}",
	 REPLY_REFUSED, 0, false, "refused_answer", "content_filter"},
	{&gpt, 400, "",
	 "{'error':{'message':'m','code':null,'innererror':{'code':'ResponsibleAIPolicyViolation'}}"
	 "}",
	 REPLY_REFUSED, 0, false, "refused_answer", "m"},
	{&gpt, 403, "",
	 "{'code':'The caller does not have permission to execute the specified operation','error':"
	 "'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO'}",
	 REPLY_REFUSED, 0, false, "refused_answer", "SAFETY_CHECK_TYPE_BIO"},
	{&gpt, 400, "", CODE("invalid_request_error", "Content Exists Risk"), REPLY_REFUSED, 0,
	 false, "refused_answer", "Content Exists Risk"},
	{&gpt, 400, "", CODE("data_inspection_failed", "m"), REPLY_REFUSED, 0, false,
	 "refused_answer", ""},
	{&gpt, 400, "", CODE("sensitive_words_detected", "m"), REPLY_REFUSED, 0, false,
	 "refused_answer", ""},
	{&gpt, 400, "", CODE("invalid_prompt", "your prompt was flagged"), REPLY_REFUSED, 0, false,
	 "refused_answer", ""},
	{&gpt, 400, "",
	 "{'error':{'message':'litellm.BadRequestError: litellm.ContentPolicyViolationError: "
	 "AzureException','type':null,'param':null,'code':'400'}}",
	 REPLY_REFUSED, 0, false, "refused_answer", ""},
	{&gpt, 200, "",
	 "{'base_resp':{'status_code':1026,'status_msg':'input new_sensitive'},'choices':null}",
	 REPLY_REFUSED, 0, false, "refused_answer", "1026"},
	{&claude, 400, "",
	 ERROR("invalid_request_error", "Output blocked by content filtering policy"),
	 REPLY_REFUSED, 0, false, "refused_answer", ""},
	{&gpt, 403, "", CODE("forbidden", "This key may not use it"), REPLY_STOP, 0, false,
	 "not_allowed", ""},

	/* failures of the server's that are told as something else */
	{&compatible, 424, "",
	 "{'error':'Request failed during generation','error_type':"
	 "'generation'}",
	 REPLY_RETRY, 0, false, "provider_error", "generation"},
	{&compatible, 424, "", "{'message':'The model returned an error','originalStatusCode':400}",
	 REPLY_RETRY, 0, false, "provider_error", "returned an error"},
	{&gpt, 425, "", "", REPLY_RETRY, 0, false, "provider_error", ""},

	/* models, bills and settings that are refused as bad requests */
	{&gpt, 400, "", CODE("invalid_request_error", "Model Not Exist"), REPLY_STOP, 0, false,
	 "no_model", "Model Not Exist"},
	{&gpt, 400, "", CODE("model_decommissioned", "m"), REPLY_STOP, 0, false, "no_model", ""},
	{&gpt, 400, "",
	 "{'object':'error','message':'Invalid model: x','type':'invalid_model','code':'1500'}",
	 REPLY_STOP, 0, false, "no_model", "Invalid model: x"},
	{&gpt, 400, "",
	 "{'error':{'message':'/chat/completions: Invalid model name passed in model=x. Call "
	 "`/v1/models`','type':'invalid_request_error','param':'model','code':'400'}}",
	 REPLY_STOP, 0, false, "no_model", ""},
	{&gpt, 400, "", "{'error':{'message':'a/b is not a valid model ID','code':400}}",
	 REPLY_STOP, 0, false, "no_model", ""},
	{&gpt, 400, "",
	 "{'error':{'message':'Budget has been exceeded! Current cost: 26.0','type':"
	 "'budget_exceeded','param':null,'code':'400'}}",
	 REPLY_STOP, 0, false, "billing", "Budget"},
	{&gpt, 429, "",
	 "{'error':{'message':'ExceededBudget: User=u over budget','type':'budget_exceeded',"
	 "'code':'429'}}",
	 REPLY_STOP, 0, false, "billing", ""},
	{&gpt, 412, "",
	 "{'error':{'object':'error','code':'ACCOUNT_SUSPENDED','message':'Account is suspended'}}",
	 REPLY_STOP, 0, false, "billing", ""},
	{&gpt, 412, "", "", REPLY_STOP, 0, false, "not_allowed", ""},
	{&gpt, 405, "", "", REPLY_STOP, 0, false, "not_found", "calls go to"},
	{&gpt, 407, "", "", REPLY_STOP, 0, false, "not_allowed", ""},
	{&gpt, 410, "", "", REPLY_STOP, 0, false, "not_found", ""},
	{&gpt, 400, "", CODE("unsupported_parameter", "Use max_completion_tokens instead"),
	 REPLY_STOP, 0, false, "bad_setting", ""},
	{&gpt, 400, "", CODE("unsupported_value", "m"), REPLY_STOP, 0, false, "bad_setting", ""},
	{&gpt, 400, "",
	 "{'code':'Client specified an invalid argument','error':'Incorrect API key'}", REPLY_STOP,
	 0, false, "bad_key", ""},

	/* x-should-retry */
	{&claude, 400, "x-should-retry: true|", "", REPLY_RETRY, 0, false, "bad_request", ""},
	{&claude, 500, "x-should-retry: false|", "", REPLY_REFUSED, 0, false, "provider_error", ""},
	{&claude, 429, "X-Should-Retry: false|", "", REPLY_STOP, 0, false, "rate_limited", ""},
	{&claude, 529, "x-should-retry: true|", "", REPLY_THROTTLED, 0, false, "overloaded", ""},
	{&claude, 401, "x-should-retry: true|", "", REPLY_STOP, 0, false, "bad_key", ""},

	/* who to ask about it; and the key, should it come back */
	{&claude, 500, "request-id: req_7|", ERROR("api_error", "oops"), REPLY_RETRY, 0, false,
	 "provider_error", "oops (request req_7)"},
	{&gpt, 401, "", CODE("invalid_api_key", "Incorrect: " KEY "!"), REPLY_STOP, 0, false,
	 "bad_key", "Incorrect: ***!"},
};

static bool as_wanted(const struct error_case *c, const struct reply *r)
{
	return r->kind == c->kind && r->after_ms == c->after_ms && r->fleet == c->fleet &&
	       strcmp(r->error.code, c->code) == 0 && strstr(r->error.text, c->part) &&
	       !strstr(r->error.text, KEY);
}

static void errors(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct error_case *c = &cases[i];
		struct reply r;

		read_case(c->model, c->status, c->headers, c->body, &r);
		if (!as_wanted(c, &r))
			fprintf(stderr,
				"    case %zu (%d): kind %d, after %lld, fleet %d, %s: %s\n", i,
				c->status, (int)r.kind, (long long)r.after_ms, r.fleet,
				r.error.code, r.error.text);
		CU_ASSERT_TRUE(as_wanted(c, &r));
		reply_release(&r);
	}
}

/* Without a Date, the clock here is what a date is reckoned by. */
static void a_date_without_another(void)
{
	struct reply r;

	read_case(&gpt, 429, "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT|", "", &r);
	CU_ASSERT_EQUAL(r.after_ms, PROVIDER_WAIT_MAX_MS);
	read_case(&gpt, 429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT|", "", &r);
	CU_ASSERT_EQUAL(r.after_ms, 1);
}

/* Neither too long nor cut within a character. */
static void long_messages(void)
{
	struct buffer body = BUFFER_INIT;
	struct reply r;

	for (int shift = 0; shift < 3; shift++) {
		buffer_reset(&body);
		buffer_add_text(&body, "{'error':{'type':'t','message':'");
		buffer_add(&body, "xxx", (size_t)shift);
		for (int i = 0; i < 1000; i++)
			buffer_add_text(&body, "\xE2\x82\xAC");
		buffer_add_text(&body, "'}}");
		CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_text(&body));
		read_case(&claude, 500, "request-id: req_7|", body.data, &r);
		CU_ASSERT_PTR_NULL(strchr(r.error.text, '?'));
		CU_ASSERT_PTR_NOT_NULL(strstr(r.error.text, "\xE2\x82\xAC... (request req_7)"));
	}
	buffer_release(&body);
}

static void failures(void)
{
	static const struct {
		const char *code;
		enum reply_kind kind;
	} rows[] = {{"http_connect", REPLY_THROTTLED}, {"http_timeout", REPLY_RETRY},
		    {"http_cut", REPLY_RETRY},	       {"http_oversized", REPLY_RETRY},
		    {"http_tls", REPLY_STOP},	       {"http_failed", REPLY_RETRY},
		    {"out_of_memory", REPLY_THROTTLED}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_response response = {0};
		struct reply r;

		weir_fail(&response.failure, rows[i].code, "why");
		provider_read(&claude, &response, &r);
		CU_ASSERT_EQUAL(r.kind, rows[i].kind);
		CU_ASSERT_FALSE(r.fleet);
		CU_ASSERT_STRING_EQUAL(r.error.code, rows[i].code);
		CU_ASSERT_STRING_EQUAL(r.error.text, "why");
	}
}

/* ---- what is left ---- */

static void expect_limits(const struct model *m, const char *headers, int64_t requests,
			  int64_t input, int64_t output, int64_t reset_ms)
{
	struct http_response r = response_of(200, headers, "{}");
	struct provider_limits l;

	provider_read_limits(m, &r, &l);
	CU_ASSERT_EQUAL(l.requests, requests);
	CU_ASSERT_EQUAL(l.input_tokens, input);
	CU_ASSERT_EQUAL(l.output_tokens, output);
	CU_ASSERT_EQUAL(l.reset_ms, reset_ms);
	response_release(&r);
}

static void limits(void)
{
	expect_limits(&claude, "", -1, -1, -1, 0);
	expect_limits(&claude,
		      DATE "anthropic-ratelimit-requests-limit: 50|"
			   "anthropic-ratelimit-requests-remaining: 49|"
			   "anthropic-ratelimit-requests-reset: 1994-11-06T08:49:38Z|"
			   "anthropic-ratelimit-input-tokens-limit: 100|"
			   "anthropic-ratelimit-input-tokens-remaining: 0|"
			   "anthropic-ratelimit-input-tokens-reset: 1994-11-06T08:50:37.5Z|"
			   "anthropic-ratelimit-output-tokens-limit: 100|"
			   "anthropic-ratelimit-output-tokens-remaining: 7|",
		      49, 0, 7, 60500);
	expect_limits(&gpt,
		      "x-ratelimit-limit-requests: 60|x-ratelimit-remaining-requests: 0|"
		      "x-ratelimit-reset-requests: 20ms|x-ratelimit-limit-tokens: 1000|"
		      "x-ratelimit-remaining-tokens: 900|x-ratelimit-reset-tokens: 6m0s|",
		      0, 900, -1, 20);
}

/* Gateways send what is no limit. */
static void no_limits(void)
{
	expect_limits(&compatible, "x-ratelimit-remaining-requests: 0|", -1, -1, -1, 0);
	expect_limits(&compatible,
		      "x-ratelimit-limit-requests: -1|x-ratelimit-remaining-requests: -1|", -1, -1,
		      -1, 0);
	expect_limits(&compatible,
		      "x-ratelimit-limit-requests: 5|x-ratelimit-remaining-requests: -1|", -1, -1,
		      -1, 0);
	expect_limits(&compatible, "x-ratelimit-limit-requests: many|", -1, -1, -1, 0);
}

void add_provider_errors_suite(void);

void add_provider_errors_suite(void)
{
	CU_pSuite suite = CU_add_suite("provider errors", NULL, NULL);

	CU_add_test(suite, "errors", errors);
	CU_add_test(suite, "a date without another", a_date_without_another);
	CU_add_test(suite, "long messages", long_messages);
	CU_add_test(suite, "failures", failures);
	CU_add_test(suite, "limits", limits);
	CU_add_test(suite, "no limits", no_limits);
}
