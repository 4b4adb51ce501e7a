/* plugin.h: the whole contract between weir and a plugin.
 *
 * A plugin is a shared object NAME.so that exports one function:
 *
 *     const struct weir_plugin *weir_plugin(void);
 *
 * Everything a plugin may use is in this header; it links nothing of weir. All calls, in both
 * directions, are made on the host's one thread.
 *
 * Changes of this interface:
 *   1.0  first version
 *   1.1  WEIR_DEFER, weir_verdict.retry_after_ms, weir_host.map_map
 *   1.2  language models: weir_host.find_model, ask, map_json; weir_plugin.answer
 *   1.3  arrays of maps: weir_host.map_count, map_entry; results that only the database knows:
 *        tx_results; a result with WEIR_REJECT; weir_plugin.rows
 *   1.4  what a kind tells of itself: weir_plugin.about; weir_item.table_name and record_id;
 *        weir_host.map_key, map_type
 *
 * A host refuses another major version. Within a major version structs only grow at their end: the
 * host copies min(struct_size, its own size) and treats what is missing as zero, which means
 * "absent".
 */
#ifndef WEIR_PLUGIN_H
#define WEIR_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_ABI_MAJOR 1
#define WEIR_ABI_MINOR 4

/* A run of bytes, UTF-8, not NUL-terminated. data == NULL means "absent" (SQL NULL). */
struct weir_text {
	const char *data;
	size_t size;
};

/* code is one word, [a-z_], kept with the item as its error class; text is for a person. */
struct weir_error {
	char code[32];
	char text[480];
};

/* ---- options: one row each; parsing, --help and --sample come from the same rows ---- */

enum weir_option_type {
	WEIR_OPTION_END = 0, /* closes a table */
	WEIR_OPTION_TEXT,    /* char *        */
	WEIR_OPTION_INTEGER, /* int64_t       */
	WEIR_OPTION_TIME,    /* int64_t, milliseconds; written 250ms, 5s, 10m, 1h, 30d */
	WEIR_OPTION_FLAG,    /* int64_t, 0 or 1; takes no value on the command line */
	WEIR_OPTION_LIST,    /* struct weir_list; may be given several times */
	WEIR_OPTION_SECRET /* char *; from NAME or NAME_FILE in the environment, never from argv */
};

struct weir_list {
	char *items[64];
	size_t size;
};

struct weir_option {
	const char *name; /* "max-attempts"; in the environment WEIR_MAX_ATTEMPTS */
	enum weir_option_type type;
	size_t offset;	     /* of the field in the config struct */
	const char *preset;  /* used when nothing is given; NULL: none */
	int64_t least, most; /* bounds of INTEGER and TIME; both 0: any value >= 0 */
	const char *unit;    /* shown in the help: "ITEMS", "FILE"; NULL: by type */
	const char *help;    /* one sentence */
};

/* ---- items ---- */

struct weir_map; /* a decoded map; read it through the host's map_ functions */

/* One unit of work. Owned by the host; valid until the item is completed. */
struct weir_item {
	struct weir_text job_id, batch_id, custom_id;
	uint32_t stage;			/* from 1 */
	uint32_t ordinal;		/* position in the stage, from 0 */
	uint32_t epoch;			/* counts resumes of the job */
	uint32_t attempt;		/* failed attempts so far */
	const struct weir_map *context; /* model_key, ai_model, custom_instructions, free extras */
	const struct weir_map *payload; /* in stage 2 and later: see weir_host.map_map */

	/* The row that it came from; both absent: from none, or the host does not know it yet: then
	 * check() is called once more when it does, before store(). Since 1.4. */
	struct weir_text table_name, record_id;
};

/* The table_name of what came from a file, whose path is the record_id: there is no such table. */
#define WEIR_TABLE_FILE "file"

/* ---- what a kind tells of itself ---- */

/* What a value may be. */
enum weir_type {
	WEIR_IS_TEXT = 1,
	WEIR_IS_INTEGER = 2,
	WEIR_IS_REAL = 4,
	WEIR_IS_NUMBER = WEIR_IS_INTEGER | WEIR_IS_REAL,
	WEIR_IS_FLAG = 8,
	WEIR_IS_MAP = 16,
	WEIR_IS_LIST = 32,
	WEIR_IS_BYTES = 64
};

/* Which fields have to say something. null says nothing, and neither does a text of white space and
 * other invisible characters alone: these are taken as absent. */
enum weir_need {
	WEIR_OPTIONAL = 0,
	WEIR_REQUIRED, /* this one has to */
	WEIR_EITHER,   /* one of those that are marked so has to */
	WEIR_PRESENT,  /* this one has to be there, but may be blank */
	WEIR_ASIDE     /* none has to; and a model is not asked about what stands in these alone */
};

/* A row of what a kind tells. The name is that of a field; those of a map within
 * ("invoice.currency"), of the maps in an array ("line_items[].quantity") and "*" (whatever else
 * there is) are only told, and checked by the plugin. */
struct weir_field {
	const char *name;
	unsigned types; /* of weir_type, any of them; 0: all */
	enum weir_need need;
	const char *help; /* what it is, in a few words */
};

/* Four tables of rows, each closed by a name of NULL; NULL: not told. What is told here is shown to
 * people, and all but the results is what the host checks items by, before it calls check(), at
 * submit and again in the consumer. */
struct weir_about {
	/* Fields of the payload; in stage 2 and later, of its "input". An item that a language
	 * model is asked about needs, in place of WEIR_EITHER, what its template reads. */
	const struct weir_field *payload;
	/* Parameters of the context: which of them are required. */
	const struct weir_field *context;
	/* Tables that store() writes to. With WEIR_EITHER, those of the rows that items come from:
	 * a table_name that is none of them (nor WEIR_TABLE_FILE) is refused, and with the type
	 * WEIR_IS_INTEGER a record_id that is no integer of 64 bits. */
	const struct weir_field *tables;
	/* Fields of the result. */
	const struct weir_field *results;
};

enum weir_outcome {
	WEIR_DONE = 1,
	WEIR_RETRY,  /* failed, may succeed later: charged as an attempt */
	WEIR_REJECT, /* failed for good */
	WEIR_DEFER   /* not now (a limit of somebody else's is reached): tried again, not charged */
};

/* How an item ended. The host copies everything before complete() returns. */
struct weir_verdict {
	enum weir_outcome outcome;
	struct weir_text result; /* DONE, and since 1.3 REJECT: a JSON document to keep with the
				  * item; absent: null */
	const void *note;	 /* DONE: bytes handed to store() with the result, not kept */
	size_t note_size;	 /* at most WEIR_NOTE_MAX */
	struct weir_error error; /* RETRY, REJECT, DEFER */

	/* RETRY, DEFER: not before so many milliseconds have passed, as a Retry-After says; 0: the
	 * job's own backoff. At most WEIR_RETRY_AFTER_MAX. Since 1.1. */
	int64_t retry_after_ms;
};

#define WEIR_RETRY_AFTER_MAX (INT64_C(7) * 86400000)

#define WEIR_NOTE_MAX 64
#define WEIR_JSON_SURE 64	      /* bytes; a number or a flag has fewer */
#define WEIR_RESULT_MAX (1024 * 1024) /* bytes of a result; more is a bad_verdict */

/* A handle for one call of process(). Safe to use too often or too late: the host ignores (and
 * logs) what no longer fits. */
struct weir_work {
	uint64_t id;
};

/* ---- language models ---- */

/* Where the context's ai_model has its items worked on. */
enum weir_model {
	WEIR_MODEL_LOCAL = 1, /* by the plugin itself */
	WEIR_MODEL_REMOTE     /* by ask() */
};

/* What a model answered: an object with the fields that the template of the context's model_key
 * describes, their types and ranges checked. Valid during the call. */
struct weir_answer {
	const struct weir_map *fields;
	struct weir_text json; /* the same as text, and "usage" beside it: ai_model, calls,
				* input_tokens, output_tokens, cost. Made to be the result */
};

/* ---- storing effects ---- */

/* A finished item that this transaction has claimed. */
struct weir_result {
	const struct weir_item *item;
	struct weir_text table_name; /* of the item's mapping; absent: the item came from no row */
	struct weir_text record_id;
	struct weir_text result;
	const void *note;
	size_t note_size;
};

enum weir_column_type {
	WEIR_INT4 = 1, /* int32_t          */
	WEIR_INT8,     /* int64_t          */
	WEIR_FLOAT8,   /* double           */
	WEIR_TEXT,     /* struct weir_text */
	WEIR_NUMERIC,  /* struct weir_text, a decimal number */
	WEIR_DATE,     /* struct weir_text, ISO 8601 */
	WEIR_JSON      /* struct weir_text */
};

/* A column of values: it becomes one array parameter ($1, $2, ...). */
struct weir_column {
	enum weir_column_type type;
	const void *values; /* count values of the type */
};

/* A set-based statement: its columns all have `count` values, and its SQL reads them with unnest.
 *
 * With a missing_code every row is accounted for: the first column is then WEIR_INT4 and holds, for
 * each row, the index into the results that store() was given; the statement returns, as its only
 * column, the indexes of the rows that it wrote. An item whose index does not come back is failed
 * with missing_code and missing_text, and the others are stored without it. */
struct weir_statement {
	const char *sql; /* one statement, constant text; it is prepared on first use */
	const struct weir_column *columns;
	size_t column_count;
	size_t count;
	const char *missing_code; /* NULL: any number of rows will do */
	const char *missing_text;
};

struct weir_tx; /* the transaction of one flush */

/* ---- what the host lends ---- */

struct weir_host {
	uint32_t abi_major, abi_minor, struct_size;

	/* Ends a call of process(); exactly once each, inside process() or later. Does not block.
	 */
	void (*complete)(const struct weir_host *, struct weir_work, const struct weir_verdict *);

	/* Calls fire(state, work) once, after at least delay_ms, on the host's thread. A work has
	 * one timer: setting it again moves it, and it ends with the work. 0, or -1 when the work
	 * has ended. */
	int (*set_timer)(const struct weir_host *, struct weir_work, int64_t delay_ms,
			 void (*fire)(void *state, struct weir_work));

	/* Writes one log line. event: one word, [a-z_]; text: key=value pairs for people. */
	void (*log)(const struct weir_host *, const char *event, const char *text);

	/* Reads a map: 0 and *out set (pointing into the item), or -1 when the key is absent, null
	 * or of another type. Do not block. */
	int (*map_text)(const struct weir_map *, const char *key, struct weir_text *out);
	int (*map_integer)(const struct weir_map *, const char *key, int64_t *out);
	int (*map_real)(const struct weir_map *, const char *key, double *out); /* or an integer */

	/* Adds a statement to the transaction of a store() call. The values are copied. 0, or -1
	 * with err when memory is short, the statement is malformed or the connection is lost:
	 * store() then returns -1. Does not wait for the database. */
	int (*tx_exec)(struct weir_tx *, const struct weir_statement *, struct weir_error *);

	/* Reads a map within a map, like the others. In a later stage the payload holds the first
	 * one as "input", and "results" with what each stage made of it. Since 1.1. */
	int (*map_map)(const struct weir_map *, const char *key, const struct weir_map **out);

	/* Writes the value of a key as JSON, whatever its type: 0, or -1 when the key is absent or
	 * null, or memory is short, which it never is for WEIR_JSON_SURE bytes. *out is valid until
	 * the next call. Since 1.2. */
	int (*map_json)(const struct weir_host *, const struct weir_map *, const char *key,
			struct weir_text *out);

	/* Looks up the ai_model and, for one that is asked, the template that the item's context
	 * names: a weir_model, or -1 with err, which names those that there are. For check() and
	 * process(); ai_model "local" is always there. Does not block. Since 1.2. */
	int (*find_model)(const struct weir_host *, const struct weir_item *, struct weir_error *);

	/* Asks the model for the item that is being processed. The work goes on in the plugin's
	 * answer(), in seconds or in a day; or the host ends it: throttled, refused, not answered
	 * as the template wants. An answer that has been paid for is never asked for again, so
	 * answer() may be called without a call. To be called in process() or its timer, once. Does
	 * not block. Since 1.2. */
	void (*ask)(const struct weir_host *, struct weir_work);

	/* Reads an array: how many elements it has. 0, or -1 when the key is absent, null or no
	 * array. Does not block. Since 1.3. */
	int (*map_count)(const struct weir_map *, const char *key, size_t *out);

	/* Reads a map within an array, index from 0: 0, or -1 when there is no such element or it
	 * is no map. Does not block. Since 1.3. */
	int (*map_entry)(const struct weir_map *, const char *key, size_t index,
			 const struct weir_map **out);

	/* Like tx_exec, for results that only the database knows. The statement needs a
	 * missing_code; it returns three columns, the index (int4), the result (json), which is
	 * kept with the item in place of the verdict's, and whether it is refused (boolean): such
	 * an item is failed as one that is missing, with that result. Once for each result at most.
	 * Since 1.3. */
	int (*tx_results)(struct weir_tx *, const struct weir_statement *, struct weir_error *);

	/* Reads the name of a map's key, index from 0: 0, or -1 when it has not so many. Does not
	 * block. Since 1.4. */
	int (*map_key)(const struct weir_map *, size_t index, struct weir_text *out);

	/* What stands there, one weir_type; 0 when that is nothing: the key is absent or null, or a
	 * text of white space and other invisible characters alone. Does not block. Since 1.4. */
	int (*map_type)(const struct weir_map *, const char *key);
};

/* ---- the database source of `weir submit KIND --from db` ---- */

/* query yields table_name text, record_id text, custom_id text, payload json, in a stable order; it
 * is read through a cursor, so its size does not matter. */
struct weir_source_query {
	const char *name; /* shown to people: the table */
	const char *query;
};

/* ---- several rows of a CSV file for one item ---- */

/* Rows of the same custom_id that follow each other are one item. The columns named in `head` are
 * the same in all of them and become a map, under head_key; the others become a map for each row,
 * in the array under rows_key. */
struct weir_rows {
	const char *head_key;
	const char *const *head; /* closed by NULL */
	const char *rows_key;
};

/* ---- the plugin ---- */

struct weir_plugin {
	uint32_t abi_major, abi_minor, struct_size; /* WEIR_ABI_MAJOR, _MINOR, sizeof */

	const char *kind;    /* ^[a-z][a-z0-9_]{0,31}$; also routing key, queue and file name */
	const char *version; /* the plugin's own */
	const char *summary; /* one line for the help */
	const struct weir_option *options; /* rows, closed by WEIR_OPTION_END; may be NULL */
	size_t config_size;		   /* of the struct that the rows point into */

	/* Sets the plugin up; called once. config stays valid until close(). state may be NULL for
	 * a plugin without any. May block. 0, or -1 with err. */
	int (*open)(const struct weir_host *, const void *config, void **state,
		    struct weir_error *);

	/* Required. Refuses an item that cannot be worked on: parameters of the context that are
	 * missing or unknown, a payload of the wrong shape, as far as `about` does not say it.
	 * Called at submit and again before process(). Does not block. 0, or -1 with err, whose
	 * code is the item's error class. */
	int (*check)(void *state, const struct weir_item *, struct weir_error *);

	/* Required. Works on one item and ends in host->complete(), now or later. Does not block
	 * longer than its own computing takes. */
	void (*process)(void *state, struct weir_work, const struct weir_item *);

	/* Optional. The time of this work is over, or the host stops: the item is given up and must
	 * not be touched any more; a complete() that comes still is ignored. */
	void (*cancel)(void *state, struct weir_work);

	/* Optional. Adds the statements that write the effects of n claimed items. Called once a
	 * flush with all results of the kind, which come in the order of job, stage and ordinal,
	 * and again for fewer of them after a failure. No other I/O. 0, or -1 with err: the
	 * transaction is then undone, and the items are divided until the faulty one stands alone.
	 */
	int (*store)(void *state, struct weir_tx *, const struct weir_result *, size_t n,
		     struct weir_error *);

	/* Optional. Frees state. No work is open any more. */
	void (*close)(void *state);

	/* Optional: what `--from db` reads; closed by a row of NULLs. */
	const struct weir_source_query *sources;
	/* Optional: one line of JSON Lines, shown by `weir submit KIND --sample`. */
	const char *sample;

	/* Required of a plugin that calls ask(): what the model answered. Goes on with the work as
	 * process() would, and ends it in host->complete(). Since 1.2. */
	void (*answer)(void *state, struct weir_work, const struct weir_item *,
		       const struct weir_answer *);

	/* Optional: the kind has items of several rows. Since 1.3. */
	const struct weir_rows *rows;

	/* Optional: what it reads, writes and makes. Since 1.4. */
	const struct weir_about *about;
};

typedef const struct weir_plugin *weir_plugin_fn(void);

#ifdef __cplusplus
}
#endif

#endif
