/* What a person does about invoices: looks over the mappings that were only nearly certain, and
 * settles them. */
#include <string.h>

#include "review.h"

struct invoice_config {
	struct weir_list accept, remap;
	char *vendor, *format;
	int64_t all;
};

#define AT(field) offsetof(struct invoice_config, field)

static const struct weir_option options[] = {
	{.name = "accept",
	 .type = WEIR_OPTION_LIST,
	 .offset = AT(accept),
	 .unit = "MAPPING|all",
	 .help = "The mapping is right; several: 17,18. all: every one that the list shows "
		 "without --all."},
	{.name = "remap",
	 .type = WEIR_OPTION_LIST,
	 .offset = AT(remap),
	 .unit = "MAPPING=ITEM|new",
	 .help = "The mapping, flagged or not, leads to that item, or to a new one of its own "
		 "description (and number, where two of a vendor are called so). What was booked "
		 "through it moves along. Several: 17=4,18=new."},
	{.name = "vendor",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(vendor),
	 .unit = "NAME",
	 .help = "For the list and --accept all: only mappings of this vendor."},
	{.name = "all",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(all),
	 .preset = "0",
	 .help = "List those too that nobody needs to look at."},
	{.name = "format",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(format),
	 .preset = "text",
	 .unit = "FORMAT",
	 .help = "text or json: a line for each mapping."},
	{.type = WEIR_OPTION_END},
};

/* ---- what was asked for ---- */

typedef int add_decisions(struct decisions *d, const char *text, struct weir_error *err);

static int read_list(struct decisions *d, const struct weir_list *list, add_decisions *add,
		     struct weir_error *err)
{
	for (size_t i = 0; i < list->size; i++)
		if (add(d, list->items[i], err) < 0)
			return -1;
	return 0;
}

/* Those to be remapped come first: with --accept all the others are accepted. */
static int check_usage(const struct call *call, struct decisions *d)
{
	const struct invoice_config *config = call->config;
	size_t size = strlen(call->argv[1]);
	if (strcmp(call->argv[0], "review") != 0)
		return weir_fail(call->error, "usage", "weir invoice review; not %.40s",
				 call->argv[0]);
	if (size == 0 || size > REVIEW_USER_MAX)
		return weir_fail(call->error, "usage", "a user_id has 1 to %d bytes",
				 REVIEW_USER_MAX);
	if (strcmp(config->format, "text") != 0 && strcmp(config->format, "json") != 0)
		return weir_fail(call->error, "usage", "--format is text or json, not %.40s",
				 config->format);
	if (read_list(d, &config->remap, decisions_remap, call->error) < 0)
		return -1;
	return read_list(d, &config->accept, decisions_accept, call->error);
}

/* ---- doing it ---- */

/* One that fails does not keep the others from being tried. */
static int settle_each(struct review *r, const struct decisions *d, struct weir_error *err)
{
	struct weir_error why;
	size_t failed = 0;
	for (size_t i = 0; i < d->count; i++) {
		if (command_stop)
			return weir_fail(err, "interrupted", "interrupted");
		if (review_settle(r, &d->rows[i], &why) == 0)
			continue;
		if (d->count == 1 || !ledger_alive(r->ledger))
			return weir_fail(err, why.code, "%s", why.text);
		command_complain(&why);
		failed++;
	}
	if (failed > 0)
		return weir_fail(err, "not_all", "%zu of %zu mappings could not be settled", failed,
				 d->count);
	return 0;
}

static int review(struct review *r, const struct decisions *d, const char *vendor,
		  struct weir_error *err)
{
	if (ledger_patience(r->ledger, LEDGER_LONG_MS, err) < 0 ||
	    (vendor && review_choose_vendor(r, vendor, err) < 0))
		return -1;
	return d->count > 0 ? settle_each(r, d, err) : review_list(r, err);
}

/* What was done is said, whatever failed. */
static int review_to_output(struct review *r, const struct decisions *d, const char *vendor,
			    struct weir_error *err)
{
	struct weir_error ignored;
	struct sink sink;
	if (sink_open(&sink, NULL, err) < 0)
		return -1;
	r->sink = &sink;
	int rc = review(r, d, vendor, err);
	int closed = sink_close(&sink, rc < 0 ? &ignored : err);
	return rc < 0 ? -1 : closed;
}

static enum command_status run_decisions(struct call *call, const struct decisions *d)
{
	const struct invoice_config *config = call->config;
	struct review r = {.user_id = call->argv[1],
			   .all = config->all != 0,
			   .json = strcmp(config->format, "json") == 0};
	if (command_ledger(call, &r.ledger) < 0)
		return COMMAND_FAILED;
	int rc = review_to_output(&r, d, config->vendor, call->error);
	ledger_close(r.ledger);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

static enum command_status run(struct call *call)
{
	struct decisions d = {NULL, 0};
	enum command_status status = COMMAND_USAGE;
	if (check_usage(call, &d) == 0)
		status = run_decisions(call, &d);
	decisions_release(&d);
	return status;
}

const struct command command_invoice = {
	.name = "invoice",
	.arguments = "review USER ",
	.summary = "lists how a user's invoice lines were mapped to items, and settles it",
	.help = "A line that is not surely the same thing as an item is flagged. Where nothing "
		"but\n"
		"the spelling is in doubt, it leads to the likeliest item; where a word, an item\n"
		"number or the vendor says that it is another thing, to a new one. review lists "
		"the\n"
		"flagged mappings: what the vendor calls it, the item it leads to, why it is\n"
		"flagged, the other candidates, and what was booked through it.\n\n"
		"--accept says that it is right. --remap leads it elsewhere, from now on and for\n"
		"what was booked: transactions, quantities, prices and last purchases move with\n"
		"it; an item that was made for it is removed when nothing is left there. An item\n"
		"of another base unit is refused: grams are never added to pieces.\n"
		"Remaps come first, then accepts, each in a transaction of its own; one that\n"
		"fails does not keep the others from being done.\n\n"
		"  weir invoice review alice\n"
		"  weir invoice review alice --accept 17,18 --remap 19=4 --remap 20=new\n"
		"  weir invoice review alice --vendor \"Sysco\" --accept all\n"
		"  weir invoice review alice --all --format json | jq -r .description\n\n"
		"Exit status: 0 done, also when it was done before or there is nothing to list;\n"
		"1 one or more could not be settled: there is no such mapping or item of this\n"
		"user, or the item has another base unit.\n",
	.options = options,
	.no_environment = true,
	.config_size = sizeof(struct invoice_config),
	.least = 2,
	.most = 2,
	.needs = NEED_PG,
	.run = run,
};
