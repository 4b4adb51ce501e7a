/* Times in which no call is answered as it should be. */
#include "fake.h"

static struct {
	json_t *act; /* what is done with each call; NULL: there is none now */
	int64_t from_ms, until_ms;
	int64_t calls, all_calls;
} now;

static json_t *past; /* [{form, began_ms, ended_ms, calls}] */

static void end(int64_t at_ms)
{
	if (!now.act)
		return;
	if (!past)
		past = json_array();
	json_array_append_new(past, json_pack("{s:O, s:I, s:I, s:I}", "form",
					      json_object_get(now.act, "error_form"), "began_ms",
					      (json_int_t)now.from_ms, "ended_ms",
					      (json_int_t)at_ms, "calls", (json_int_t)now.calls));
	json_decref(now.act);
	now.act = NULL;
	now.calls = 0;
}

static void turn(int64_t at_ms)
{
	if (now.act && at_ms >= now.until_ms)
		end(now.until_ms);
}

void outage_begin(json_t *wanted)
{
	int64_t at = fake_now_ms(), lasts = number_of(wanted, "for_ms", INT64_MAX / 4);
	turn(at);
	end(at);
	if (!json_is_string(json_object_get(wanted, "form")))
		return;
	now.act = json_deep_copy(wanted);
	json_object_set(now.act, "error_form", json_object_get(wanted, "form"));
	now.from_ms = at + number_of(wanted, "from_ms", 0);
	now.until_ms = now.from_ms + lasts;
}

json_t *outage_of(const struct call *c)
{
	turn(c->began_ms);
	if (!now.act || c->began_ms < now.from_ms)
		return NULL;
	now.calls++;
	now.all_calls++;
	return now.act;
}

void outage_set(struct call *c)
{
	json_error_t error;
	json_t *wanted = json_loadb(c->body.data ? c->body.data : "", c->body.size, 0, &error);
	json_t *form = json_object_get(wanted, "form");
	json_t *as = json_pack("{s:O?}", "error_form", form);
	const char *unknown = forms_unknown(as);
	if (!form)
		reply_error(c, 400, "outage: wants {\"form\": NAME} or {\"form\": null}");
	else if (unknown)
		reply_error(c, 400, "outage: no error_form is called %s", unknown);
	else
		outage_begin(wanted);
	if (form && !unknown)
		reply_json(c, outage_json());
	json_decref(as);
	json_decref(wanted);
}

json_t *outage_json(void)
{
	turn(fake_now_ms());
	return json_pack("{s:b, s:I, s:I, s:O?}", "now", now.act != NULL, "calls",
			 (json_int_t)now.calls, "all_calls", (json_int_t)now.all_calls, "past",
			 past);
}

void outage_reset(void)
{
	json_decref(now.act);
	json_decref(past);
	now.act = past = NULL;
	now.calls = now.all_calls = 0;
}
