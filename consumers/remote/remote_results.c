/* Results: read as they come, line by line, and stored some hundred at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define LINE_SIZE_MAX (PROVIDER_RESPONSE_MAX + 65536)
#define HEAD_MAX 4096	     /* bytes by which a page is known */
#define TEXTS_MAX (8u << 20) /* bytes of outcomes that are collected */

/* ---- one line ---- */

/* What a line says of a request that has an answer, or an error. */
static const struct meaning {
	enum request_lot lot;
	enum tally tally;
	bool again;
} meanings[] = {
	[REPLY_ANSWER] = {LOT_ENDED, TALLY_SUCCEEDED, true},
	[REPLY_RETRY] = {LOT_OPEN, TALLY_ERRORED, true},
	[REPLY_THROTTLED] = {LOT_OPEN, TALLY_ERRORED, true},
	[REPLY_REFUSED] = {LOT_ENDED, TALLY_ERRORED, false},
	[REPLY_STOP] = {LOT_FREE, TALLY_ERRORED, true},
};

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void add_texts(struct outcomes *o, struct outcome_row *row, const char *call_id,
		      struct weir_text answer, const char *class, const char *error)
{
	static const struct weir_text none = {NULL, 0};
	row->call_id = outcome_add(o, text_of(call_id));
	row->answer = outcome_add(o, answer);
	row->class = outcome_add(o, *class ? text_of(class) : none);
	row->error = outcome_add(o, *class ? text_of(error) : none);
}

/* Which limit it was. What it had, as far as that was counted, is the limit. */
static struct weir_error error_of(const struct drive *d, const struct reply *reply)
{
	const struct model *m = d->model;
	struct weir_error why = reply->error;
	int64_t limit = reply->usage.fault ? m->max_tokens : reply->usage.output;
	if (reply->at_limit && limit > 0)
		weir_fail(&why, "cut_answer",
			  "the answer was cut at %" PRId64 " tokens, %s: a larger max_tokens of "
			  "ai_model %s in the models file lets it end",
			  limit,
			  m->max_tokens > 0 ? "the max_tokens of its model"
					    : "the max_tokens of its template, or of a repair",
			  m->name);
	return why;
}

static void add_reply(struct drive *d, struct outcome_row *row, const char *call_id,
		      const struct reply *reply, const char *mark)
{
	const struct meaning *m = &meanings[reply->kind];
	bool answered = reply->kind == REPLY_ANSWER;
	struct weir_error why = error_of(d, reply);
	struct weir_text text = {reply->text.data ? reply->text.data : "", reply->text.size};
	row->lot = m->lot;
	row->tally = m->tally;
	/* What a model will not say it will not say the next time either. */
	row->again =
		*reply->error.code && m->again && strcmp(reply->error.code, "refused_answer") != 0;
	row->usage = reply->usage;
	if (answered)
		gaps_note(&d->remote->gaps, d->model, &row->usage);
	/* Servers are known to give one id to many answers. */
	char id[PROVIDER_ID_MAX + 64];
	snprintf(id, sizeof id, "%s/%lld%s", reply->id, (long long)d->id, mark);
	add_texts(&d->in->outcomes, row, answered && *reply->id ? id : call_id,
		  answered ? text : (struct weir_text){NULL, 0}, why.code, why.text);
	if (reply->kind == REPLY_STOP)
		d->in->outcomes.stop = reply->error;
}

/* mark: what tells the call's id from that of a line before; "" mostly. */
static struct outcome_row *add_outcome(struct drive *d, const char *custom_id, enum line_kind kind,
				       const struct reply *reply, const char *mark)
{
	static const struct weir_text none = {NULL, 0};
	struct outcomes *o = &d->in->outcomes;
	struct outcome_row *row = &o->rows[o->size++];
	char call_id[128];
	snprintf(call_id, sizeof call_id, "%lld/%s%s", (long long)d->id, custom_id, mark);
	*row = (struct outcome_row){.lot = LOT_OPEN, .again = true};
	snprintf(row->custom_id, sizeof row->custom_id, "%s", custom_id);
	if (kind == LINE_REPLY) {
		add_reply(d, row, call_id, reply, mark);
	} else if (kind == LINE_EXPIRED) {
		row->tally = TALLY_EXPIRED;
		add_texts(o, row, call_id, none, "batch_expired",
			  "the remote batch expired before its turn came");
	} else {
		row->tally = TALLY_CANCELED;
		add_texts(o, row, call_id, none, "batch_canceled",
			  "the remote batch was cancelled before its turn came");
	}
	return row;
}

static void note_bad_line(struct drive *d, const char *text)
{
	if (d->read.bad_lines++ == 0) {
		weir_fail(&d->read.fault, "bad_line", "%s", text);
		log_event(LOG_WARN, "bad_result_line", "id=%lld remote_id=%s error=\"%s\"",
			  (long long)d->id, d->remote_id, text);
	}
}

/* ---- whose they are ---- */

/* A batch that was adopted may be somebody else's after all. It is ours when something of it has
 * been before, or is now. */
static int check_ours(struct drive *d, struct weir_error *err)
{
	struct incoming *in = d->in;
	if (in->checked)
		return 0;
	int64_t ours = outcomes_of_ours(d, &in->outcomes, err);
	if (ours < 0)
		return -1;
	in->checked = true;
	in->foreign = ours == 0;
	return in->foreign ? weir_fail(err, "not_ours", "its results are of other requests") : 0;
}

/* ---- lines ---- */

static int store(struct drive *d)
{
	struct incoming *in = d->in;
	if (in->outcomes.size == 0)
		return 0;
	if (check_ours(d, &in->error) < 0)
		return -1;
	return outcomes_store(d, &in->outcomes, &in->error);
}

/* The object alone: gateways put marks of byte order before files, or make an array of the lines.
 */
static struct weir_text bare(struct weir_text line)
{
	static const char around[] = " \t[],\xef\xbb\xbf";
	for (; line.size > 0 && memchr(around, *line.data, sizeof around - 1); line.size--)
		line.data++;
	while (line.size > 0 && memchr(around, line.data[line.size - 1], sizeof around - 1))
		line.size--;
	return line;
}

static bool is_good(enum line_kind kind, const struct reply *reply)
{
	return kind == LINE_REPLY && reply->kind == REPLY_ANSWER && !*reply->error.code;
}

static void tell_twin(const struct drive *d, const char *custom_id)
{
	log_event(LOG_WARN, "two_result_lines",
		  "id=%lld remote_id=%s custom_id=%s text=\"its results have lines of it that "
		  "differ: the first good one counts, and what others cost is an extra_answer\"",
		  (long long)d->id, d->remote_id, custom_id);
}

/* Whether a line is to be stored at this reading. */
static bool is_due(struct drive *d, bool good, enum sight sight)
{
	if (d->read.others)
		return !good;
	if (!good && sight != SIGHT_SAME)
		d->read.others_left++;
	return good && sight != SIGHT_SAME;
}

static int keep(struct drive *d, const char *custom_id, enum line_kind kind,
		const struct reply *reply)
{
	struct sighting seen;
	char mark[24] = "";
	const struct reply of_kind = {.kind = (enum reply_kind)(REPLY_STOP + 1 + (int)kind)};
	if (seen_add(&d->read.seen, custom_id, kind == LINE_REPLY ? reply : &of_kind, &seen) < 0)
		return weir_fail_memory(&d->in->error);
	if (seen.sight == SIGHT_TOO_MANY) {
		note_bad_line(d, "there are far more lines than requests");
		return 0;
	}
	if (seen.sight == SIGHT_OTHER) {
		snprintf(mark, sizeof mark, "/%016" PRIx64, seen.hash);
		if (!d->read.others)
			tell_twin(d, custom_id);
	}
	if (!is_due(d, is_good(kind, reply), seen.sight))
		return 0;
	struct outcome_row *row = add_outcome(d, custom_id, kind, reply, mark);
	row->twin = seen.several && !row->answer.absent;
	return 0;
}

/* It may well have been paid for; but what is read again may be whole then. */
static int keep_unread(struct drive *d, const char *custom_id, const struct weir_error *why)
{
	const struct reply reply = {.kind = REPLY_ANSWER,
				    .usage = {.fault = "the line of results cannot be read"},
				    .error = *why};
	note_bad_line(d, why->text);
	if (!*custom_id)
		return 0;
	d->in->named = true;
	if (!drive_is_last_look(d))
		return 0;
	if (!d->read.others) {
		d->read.others_left++;
		return 0;
	}
	struct outcome_row *row = add_outcome(d, custom_id, LINE_REPLY, &reply, "");
	row->lot = LOT_UNREAD;
	row->tally = TALLY_MISSING;
	return 0;
}

static int take_line(struct drive *d, struct weir_text line)
{
	struct incoming *in = d->in;
	struct reply reply = {0};
	struct weir_error why;
	enum line_kind kind;
	char custom_id[65];
	int rc;
	line = bare(line);
	if (line.size == 0)
		return 0;
	if (provider_read_line(d->model, line, custom_id, &kind, &reply, &why) < 0) {
		rc = keep_unread(d, custom_id, &why);
	} else {
		in->named = true;
		rc = keep(d, custom_id, kind, &reply);
	}
	reply_release(&reply);
	if (rc < 0 || (in->outcomes.size < REMOTE_CHUNK && in->outcomes.texts.size < TEXTS_MAX))
		return rc;
	return store(d);
}

/* A part of a line: with `ends` its last. */
static int take_part(struct drive *d, const char *data, size_t size, bool ends)
{
	struct incoming *in = d->in;
	int rc = 0;
	if (!in->too_long && in->line.size + size > LINE_SIZE_MAX) {
		in->too_long = true;
		note_bad_line(d, "the line is too long");
	}
	if (!in->too_long)
		buffer_add(&in->line, data, size);
	if (buffer_failed(&in->line))
		return weir_fail_memory(&in->error);
	if (!ends)
		return 0;
	if (!in->too_long)
		rc = take_line(
			d, (struct weir_text){in->line.data ? in->line.data : "", in->line.size});
	in->too_long = false;
	buffer_reset(&in->line);
	return rc;
}

/* In JSON itself both stand as escapes only. */
static const char *line_end(const char *data, size_t size)
{
	const char *feed = memchr(data, '\n', size);
	const char *back = memchr(data, '\r', feed ? (size_t)(feed - data) : size);
	return back ? back : feed;
}

static int take_results(void *owner, const char *data, size_t size)
{
	struct drive *d = owner;
	size_t shown = HEAD_MAX - d->in->head.size;
	buffer_add(&d->in->head, data, size < shown ? size : shown);
	while (size > 0) {
		const char *end = line_end(data, size);
		size_t n = end ? (size_t)(end - data) : size;
		if (take_part(d, data, n, end != NULL) < 0)
			return -1;
		n += end != NULL;
		data += n;
		size -= n;
	}
	return 0;
}

/* ---- the two files ---- */

static int begin(struct drive *d, const char *url, struct http_request *q, struct weir_error *err)
{
	d->in = calloc(1, sizeof *d->in);
	if (!d->in)
		return weir_fail_memory(err);
	if (provider_fetch(d->model, url, &d->texts, q, err) < 0)
		return -1;
	q->take = take_results;
	return 0;
}

int results_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	return begin(d, d->info.results_url, q, err);
}

int errors_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	return begin(d, d->info.errors_url, q, err);
}

/* What a response without results means. */
static void not_read(struct drive *d, const struct http_response *r)
{
	struct remote_info ignored;
	struct reply why = {0};
	if (*d->in->error.code)
		drive_pause(d, drive_interval_ms(d), &d->in->error);
	else if (provider_read_batch(d->model, r, &ignored, &why) == 0)
		drive_pause(d, drive_interval_ms(d), NULL);
	else if (d->late || (r->status == 404 && why.kind == REPLY_REFUSED)) /* kept for a month */
		drive_absent(d, &why.error);
	else
		drive_failed(d, &why);
	reply_release(&why);
}

/* Fewer lines than the provider itself says that there are; of a batch that does not say, than
 * requests, unless some may have been cancelled. */
static bool is_short(const struct drive *d, int64_t left)
{
	int64_t lines = d->info.lines >= 0 ? d->info.lines : d->cancelled ? 0 : d->size;
	return left > 0 && (d->read.bad_lines > 0 || (int64_t)d->read.seen.size < lines);
}

static void explain_rest(const struct drive *d, int64_t left, struct weir_error *out)
{
	char said[64] = "does not say how many it completed";
	const char *fault = d->read.fault.text;
	if (d->info.completed >= 0)
		snprintf(said, sizeof said, "says that it completed %lld",
			 (long long)d->info.completed);
	if (d->read.bad_lines == 0)
		fault = "there is no line of it";
	int64_t others = d->read.others ? 0 : d->read.others_left;
	int64_t read = left > others ? d->size - left + others : d->size;
	weir_fail(out, "not_whole",
		  "results of %lld of %d requests could be read, and the provider %s: %s",
		  (long long)read, (int)d->size, said, fault);
}

static void read_others(struct drive *d)
{
	d->read.others = true;
	drive_go(d, *d->info.results_url ? DRIVE_RESULTS : DRIVE_ERRORS);
}

static void all_read(struct drive *d)
{
	struct weir_error why;
	int64_t left;
	if (outcomes_left(d, &left, &why) < 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &why);
		return;
	}
	explain_rest(d, left, &why);
	if (is_short(d, left) && !drive_is_last_look(d))
		drive_absent(d, &why);
	else if (!d->read.others && d->read.others_left > 0)
		read_others(d);
	else
		drive_end_rest(d, left > 0 ? &why : NULL);
}

static void read_whole(struct drive *d)
{
	failpoint("remote_read");
	if (d->step == DRIVE_RESULTS && *d->info.errors_url)
		drive_go(d, DRIVE_ERRORS);
	else
		all_read(d);
}

/* A page of a gateway's, or an error: of all lines none says whose it is. */
static void read_page(struct drive *d, const struct http_response *r)
{
	struct reply why;
	const struct weir_text head = {d->in->head.data ? d->in->head.data : "", d->in->head.size};
	provider_read_page(d->model, r, head, &why);
	d->read.fault = why.error;
	if (why.kind == REPLY_STOP || why.kind == REPLY_THROTTLED)
		drive_failed(d, &why);
	else
		read_whole(d);
	reply_release(&why);
}

static void let_go(struct drive *d)
{
	struct weir_error why = d->in->error;
	drive_end(d, &ending_foreign, &why);
}

static void end_reading(struct drive *d, const struct http_response *r)
{
	struct incoming *in = d->in;
	bool whole = r->status == 200 && take_part(d, "", 0, true) == 0 && store(d) == 0;
	if (whole && !in->named && d->read.bad_lines > 0)
		read_page(d, r);
	else if (whole)
		read_whole(d);
	else if (in->foreign)
		let_go(d);
	else
		not_read(d, r);
}

void results_done(struct drive *d, const struct http_response *r) { end_reading(d, r); }
void errors_done(struct drive *d, const struct http_response *r) { end_reading(d, r); }
