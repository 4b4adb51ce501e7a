/* The floor: the same work as weir's, with the client libraries alone and nothing around them. What
 * weir adds (a ledger, claims, results, progress, retries) is measured as a share of this.
 *
 *   bench_floor publish N   N messages of about 400 bytes, encoded one by one, persistent,
 *                           mandatory, confirmed, at most 1000 unconfirmed, to a quorum queue
 *   bench_floor consume N   takes them with a prefetch of 400, decodes them, writes 100 rows with
 *                           one upsert (one statement, one transaction, one round trip), acks 100
 *
 * Prints items a second: of publishing from the first message to the last confirm, of consuming
 * from the subscription to the last ack. The servers are those of WEIR_AMQP_URL and WEIR_PG_URL.
 * `publish` makes the queue anew, `consume` the table: each run begins with the same state. */
#include <endian.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <libpq-fe.h>
#include <msgpack.h>

#define CHANNEL 1
#define QUEUE "bench.floor"
#define WINDOW 1000
#define LOOK_EVERY 100 /* messages published between two looks at the confirms */
#define PREFETCH 400
#define GROUP 100
#define TYPE "application/msgpack"

static void die(const char *doing, const char *why)
{
	fprintf(stderr, "bench_floor: %s: %s\n", doing, why);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *need(const char *variable)
{
	const char *value = getenv(variable);
	if (!value)
		die(variable, "is not set");
	return value;
}

/* ---- the broker ---- */

static void check_status(int status, const char *doing)
{
	if (status != AMQP_STATUS_OK)
		die(doing, amqp_error_string2(status));
}

static void check(amqp_rpc_reply_t reply, const char *doing)
{
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
		die(doing, amqp_error_string2(reply.library_error));
	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		die(doing, "the broker refused");
}

static void check_rpc(amqp_connection_state_t c, const char *doing)
{
	check(amqp_get_rpc_reply(c), doing);
}

static amqp_connection_state_t connect_broker(void)
{
	struct amqp_connection_info at;
	char *url = strdup(need("WEIR_AMQP_URL"));
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *s = c ? amqp_tcp_socket_new(c) : NULL;
	if (!url || !s)
		die("connect", "out of memory");
	check_status(amqp_parse_url(url, &at), "WEIR_AMQP_URL");
	check_status(amqp_socket_open(s, at.host, at.port), "connect");
	check(amqp_login(c, at.vhost, 2, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN,
			 at.user, at.password),
	      "log in");
	free(url);
	amqp_channel_open(c, CHANNEL);
	check_rpc(c, "open a channel");
	return c;
}

static void disconnect(amqp_connection_state_t c)
{
	amqp_connection_close(c, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(c);
}

static void declare_queue(amqp_connection_state_t c)
{
	amqp_table_entry_t quorum = {.key = amqp_cstring_bytes("x-queue-type")};
	quorum.value.kind = AMQP_FIELD_KIND_UTF8;
	quorum.value.value.bytes = amqp_cstring_bytes("quorum");
	amqp_queue_delete(c, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 0);
	check_rpc(c, "delete the queue");
	amqp_queue_declare(c, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 1, 0, 0,
			   (amqp_table_t){1, &quorum});
	check_rpc(c, "declare the queue");
}

/* ---- publishing ---- */

static const struct text {
	const char *symbol, *title, *body;
} texts[] = {
	{"CNDR", "A two-year study cast doubt on the maker's new radar chip",
	 "Engineers counted more failures than hoped. Full results come in May; traders were "
	 "disappointed."},
	{"OSTR", "Steelworks wins approval to buy a stake for $600 million",
	 "The long-rumoured offer valued the business at 11.5 times earnings. Regulators raised no "
	 "objection."},
	{"ARQA", "Robotics company names a veteran as chair",
	 "The move ends nine months of uncertainty. Analysts welcomed the choice; the shares "
	 "gained 3.7%."},
	{"BLTR", "This stock is printing, and nobody can find shares",
	 "Short interest is 48% of the float. Diamond hands only. Not financial advice, do your "
	 "own homework."},
};

#define TEXTS (sizeof texts / sizeof *texts)

static void put(msgpack_packer *to, const char *text)
{
	size_t n = strlen(text);
	msgpack_pack_str(to, n);
	msgpack_pack_str_body(to, text, n);
}

static void put_text(msgpack_packer *to, const char *name, const char *text)
{
	put(to, name);
	put(to, text);
}

static void put_number(msgpack_packer *to, const char *name, uint32_t value)
{
	put(to, name);
	msgpack_pack_uint32(to, value);
}

/* The fields of weir's own message, so that the sizes are the same. */
static void encode(msgpack_packer *to, uint32_t i, const char *custom_id)
{
	const struct text *t = &texts[i % TEXTS];
	char batch[64];
	snprintf(batch, sizeof batch, "bench-floor-s1-b%" PRIu32, i / GROUP);
	msgpack_pack_map(to, 11);
	put_number(to, "v", 1);
	put_text(to, "kind", "sentiment");
	put_text(to, "job_id", "bench-floor");
	put_text(to, "batch_id", batch);
	put_number(to, "stage", 1);
	put_number(to, "ordinal", i);
	put_text(to, "custom_id", custom_id);
	put_number(to, "epoch", 0);
	put_number(to, "attempt", 0);
	put(to, "context");
	msgpack_pack_map(to, 2);
	put_text(to, "model_key", "sentiment");
	put_text(to, "ai_model", "local");
	put(to, "payload");
	msgpack_pack_map(to, 4);
	put_text(to, "text_type", "news");
	put_text(to, "symbol", t->symbol);
	put_text(to, "title", t->title);
	put_text(to, "summary", t->body);
}

static void publish_one(amqp_connection_state_t c, uint32_t i, msgpack_sbuffer *body)
{
	char custom_id[32], id[64];
	msgpack_packer to;
	snprintf(custom_id, sizeof custom_id, "news_id_%" PRIu32, i);
	snprintf(id, sizeof id, "bench-floor/1/%s", custom_id);
	amqp_basic_properties_t p = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG,
		.content_type = amqp_cstring_bytes(TYPE),
		.delivery_mode = 2,
		.message_id = amqp_cstring_bytes(id),
		.type = amqp_cstring_bytes("sentiment"),
	};
	msgpack_sbuffer_clear(body);
	msgpack_packer_init(&to, body, msgpack_sbuffer_write);
	encode(&to, i, custom_id);
	check_status(amqp_basic_publish(c, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(QUEUE), 1,
					0, &p, (amqp_bytes_t){body->size, body->data}),
		     "publish");
}

/* What is confirmed: one flag a message, since confirms come out of turn and in groups. */
struct confirms {
	bool *seen; /* by number, from 1 */
	uint64_t lowest, count;
};

static void confirm(struct confirms *c, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++) {
		c->count += !c->seen[i];
		c->seen[i] = true;
	}
	while (c->seen[c->lowest])
		c->lowest++;
}

static void take_confirm(struct confirms *c, const amqp_frame_t *f)
{
	if (f->frame_type != AMQP_FRAME_METHOD)
		return;
	if (f->payload.method.id != AMQP_BASIC_ACK_METHOD)
		die("publish", "the broker returned or refused a message");
	const amqp_basic_ack_t *ack = f->payload.method.decoded;
	confirm(c, ack->multiple ? c->lowest : ack->delivery_tag, ack->delivery_tag);
}

/* Takes what has arrived; when `least` are not confirmed yet, waits for them. */
static void take_confirms(amqp_connection_state_t c, struct confirms *seen, uint64_t least)
{
	for (;;) {
		struct timeval none = {0, 0}, patient = {30, 0};
		amqp_frame_t f;
		bool wait = seen->count < least;
		amqp_maybe_release_buffers(c);
		int status = amqp_simple_wait_frame_noblock(c, &f, wait ? &patient : &none);
		if (status == AMQP_STATUS_TIMEOUT && !wait)
			return;
		check_status(status, "wait for confirms");
		take_confirm(seen, &f);
	}
}

static double publish(uint32_t n)
{
	amqp_connection_state_t c = connect_broker();
	struct confirms seen = {.seen = calloc((size_t)n + 2, 1), .lowest = 1};
	msgpack_sbuffer body;
	if (!seen.seen)
		die("publish", "out of memory");
	msgpack_sbuffer_init(&body);
	declare_queue(c);
	amqp_confirm_select(c, CHANNEL);
	check_rpc(c, "ask for confirms");
	double began = now_s();
	for (uint32_t i = 0; i < n; i++) {
		if (i % LOOK_EVERY == 0)
			take_confirms(c, &seen,
				      i > WINDOW - LOOK_EVERY ? i - (WINDOW - LOOK_EVERY) : 0);
		publish_one(c, i, &body);
	}
	take_confirms(c, &seen, n);
	double rate = n / (now_s() - began);
	msgpack_sbuffer_destroy(&body);
	free(seen.seen);
	disconnect(c);
	return rate;
}

/* ---- the database ---- */

#define INT8_OID 20
#define FLOAT8_OID 701
#define INT8_ARRAY_OID 1016
#define FLOAT8_ARRAY_OID 1022

static const char upsert[] =
	"INSERT INTO floor_rows SELECT * FROM unnest($1::bigint[], $2::double precision[])"
	" ON CONFLICT (id) DO UPDATE SET score = excluded.score";

static void check_result(PGconn *db, PGresult *r)
{
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		die("database", PQerrorMessage(db));
	PQclear(r);
}

static PGconn *connect_database(void)
{
	static const Oid types[] = {INT8_ARRAY_OID, FLOAT8_ARRAY_OID};
	PGconn *db = PQconnectdb(need("WEIR_PG_URL"));
	if (PQstatus(db) != CONNECTION_OK)
		die("database", PQerrorMessage(db));
	check_result(db, PQexec(db, "SET client_min_messages = warning"));
	check_result(db, PQexec(db, "DROP TABLE IF EXISTS floor_rows"));
	check_result(db, PQexec(db, "CREATE TABLE floor_rows "
				    "(id bigint PRIMARY KEY, score double precision)"));
	check_result(db, PQprepare(db, "upsert", upsert, 2, types));
	return db;
}

/* An array parameter in binary: a head, then each value behind its size. */
struct array {
	struct {
		uint32_t dimensions, has_null, type, count, lower_bound;
	} head;
	struct element {
		uint32_t size, high, low;
	} elements[GROUP];
};

static void array_begin(struct array *a, Oid type, uint32_t n)
{
	a->head.dimensions = htobe32(1);
	a->head.has_null = 0;
	a->head.type = htobe32(type);
	a->head.count = htobe32(n);
	a->head.lower_bound = htobe32(1);
}

static void array_set(struct array *a, uint32_t i, const void *value)
{
	uint64_t bits;
	memcpy(&bits, value, sizeof bits);
	a->elements[i] = (struct element){htobe32(8), htobe32((uint32_t)(bits >> 32)),
					  htobe32((uint32_t)bits)};
}

struct rows {
	struct array ids, scores;
	uint32_t count;
};

static void store(PGconn *db, struct rows *rows)
{
	const char *values[] = {(const char *)&rows->ids, (const char *)&rows->scores};
	int size = (int)(sizeof rows->ids.head + rows->count * sizeof(struct element));
	int sizes[] = {size, size}, formats[] = {1, 1};
	array_begin(&rows->ids, INT8_OID, rows->count);
	array_begin(&rows->scores, FLOAT8_OID, rows->count);
	check_result(db, PQexecPrepared(db, "upsert", 2, values, sizes, formats, 1));
	rows->count = 0;
}

/* ---- consuming ---- */

static const msgpack_object *find(const msgpack_object *map, const char *name)
{
	size_t size = strlen(name);
	if (map->type != MSGPACK_OBJECT_MAP)
		die("decode", "not a map");
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *e = &map->via.map.ptr[i];
		if (e->key.type == MSGPACK_OBJECT_STR && e->key.via.str.size == size &&
		    memcmp(e->key.via.str.ptr, name, size) == 0)
			return &e->val;
	}
	die("decode", name);
	return NULL;
}

/* Stands for the work: the id and a number that depends on the text. */
static void work(struct rows *rows, const msgpack_object *message)
{
	int64_t id = (int64_t)find(message, "ordinal")->via.u64;
	double score = find(find(message, "payload"), "title")->via.str.size;
	array_set(&rows->ids, rows->count, &id);
	array_set(&rows->scores, rows->count, &score);
	rows->count++;
}

static uint64_t take_message(amqp_connection_state_t c, msgpack_unpacked *m, struct rows *rows)
{
	struct timeval patient = {30, 0};
	amqp_envelope_t e;
	size_t at = 0;
	amqp_maybe_release_buffers(c);
	check(amqp_consume_message(c, &e, &patient, 0), "consume");
	if (msgpack_unpack_next(m, e.message.body.bytes, e.message.body.len, &at) !=
	    MSGPACK_UNPACK_SUCCESS)
		die("decode", "not MessagePack");
	work(rows, &m->data);
	uint64_t tag = e.delivery_tag;
	amqp_destroy_envelope(&e);
	return tag;
}

static double consume(uint32_t n)
{
	static struct rows rows;
	amqp_connection_state_t c = connect_broker();
	PGconn *db = connect_database();
	msgpack_unpacked m;
	msgpack_unpacked_init(&m);
	amqp_basic_qos(c, CHANNEL, 0, PREFETCH, 0);
	check_rpc(c, "set the prefetch");
	double began = now_s();
	amqp_basic_consume(c, CHANNEL, amqp_cstring_bytes(QUEUE), amqp_empty_bytes, 0, 0, 0,
			   amqp_empty_table);
	check_rpc(c, "consume");
	for (uint32_t i = 1; i <= n; i++) {
		uint64_t tag = take_message(c, &m, &rows);
		if (i % GROUP != 0 && i != n)
			continue;
		store(db, &rows);
		check_status(amqp_basic_ack(c, CHANNEL, tag, 1), "ack");
	}
	double rate = n / (now_s() - began);
	msgpack_unpacked_destroy(&m);
	PQfinish(db);
	disconnect(c);
	return rate;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	if (n < 1 || n > 100000000 ||
	    (strcmp(argv[1], "publish") != 0 && strcmp(argv[1], "consume") != 0)) {
		fprintf(stderr, "usage: bench_floor publish|consume N\n");
		return 2;
	}
	bool publishing = strcmp(argv[1], "publish") == 0;
	printf("%.0f\n", publishing ? publish((uint32_t)n) : consume((uint32_t)n));
	return 0;
}
