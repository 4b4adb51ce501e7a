/* The connection to RabbitMQ, against a real server, with an exchange and queues of its own. */
#include "world.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "weir/broker.h"
#include "weir/topology.h"

#define KEY "item"
#define LIMIT (1024 * 1024)

void add_amqp_suite(void);

static char exchange[64], queue[64], dead_exchange[64], dead_queue[64], no_such[64], kind[33];
static char *const queues[] = {queue, dead_queue};
static struct broker *publisher, *consumer;
static struct weir_error err;
static struct broker_event event;

/* ---- what broker.h lacks ---- */

static amqp_connection_state_t raw_open(void)
{
	char url[512];
	struct amqp_connection_info at;
	struct timeval wait = {10, 0};
	snprintf(url, sizeof url, "%s", getenv("WEIR_AMQP_URL"));
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(c);
	if (amqp_parse_url(url, &at) == AMQP_STATUS_OK &&
	    amqp_socket_open_noblock(socket, at.host, at.port, &wait) == AMQP_STATUS_OK &&
	    amqp_login(c, at.vhost, 1, 131072, 0, AMQP_SASL_METHOD_PLAIN, at.user, at.password)
			    .reply_type == AMQP_RESPONSE_NORMAL)
		amqp_channel_open(c, 1);
	if (amqp_get_rpc_reply(c).reply_type != AMQP_RESPONSE_NORMAL)
		CU_FAIL("RabbitMQ does not answer");
	return c;
}

static void raw_close(amqp_connection_state_t c)
{
	amqp_connection_close(c, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(c);
}

static void delete_queue(const char *name)
{
	amqp_connection_state_t c = raw_open();
	amqp_queue_delete(c, 1, amqp_cstring_bytes(name), 0, 0);
	raw_close(c);
}

static void delete_exchange(const char *name)
{
	amqp_connection_state_t c = raw_open();
	amqp_exchange_delete(c, 1, amqp_cstring_bytes(name), 0);
	raw_close(c);
}

/* ---- surroundings ---- */

static int name_all(void)
{
	unsigned random = 0;
	FILE *f = fopen("/dev/urandom", "r");
	if (!getenv("WEIR_AMQP_URL") || !f || fread(&random, sizeof random, 1, f) != 1) {
		fprintf(stderr, "tests: WEIR_AMQP_URL is not set\n");
		return 1;
	}
	fclose(f);
	snprintf(exchange, sizeof exchange, "weir.test.items.%08x", random);
	snprintf(queue, sizeof queue, "weir.test.queue.%08x", random);
	snprintf(dead_exchange, sizeof dead_exchange, "weir.test.dead.%08x", random);
	snprintf(dead_queue, sizeof dead_queue, "weir.test.dead_queue.%08x", random);
	snprintf(no_such, sizeof no_such, "weir.test.none.%08x", random);
	snprintf(kind, sizeof kind, "test_%08x", random);
	return 0;
}

/* True when it worked; when not, the failure has been told. */
static bool works(int rc, const char *what)
{
	return EXPECT(rc == 0, "%s: %s", what, rc < 0 ? err.text : "");
}

#define WORKS(call) works(call, #call)

static struct broker *open_limited(uint64_t body_limit)
{
	struct broker *b = NULL;
	if (broker_open(getenv("WEIR_AMQP_URL"), "weir-test", body_limit, &b, &err) < 0) {
		fprintf(stderr, "tests: RabbitMQ does not answer: %s\n", err.text);
		abort(); /* what prepares a test cannot fail in another way */
	}
	return b;
}

static struct broker *open_one(void) { return open_limited(LIMIT); }

static void begin(void)
{
	const struct broker_queue q = {queue, dead_exchange, "dead", 2}, d = {.name = dead_queue};
	publisher = open_one();
	consumer = open_one();
	WORKS(broker_declare_exchange(publisher, exchange, false, &err));
	WORKS(broker_declare_exchange(publisher, dead_exchange, false, &err));
	WORKS(broker_declare_queue(publisher, &q, false, NULL, &err));
	WORKS(broker_declare_queue(publisher, &d, false, NULL, &err));
	WORKS(broker_bind(publisher, queue, exchange, KEY, &err));
	WORKS(broker_bind(publisher, dead_queue, dead_exchange, "#", &err));
	WORKS(broker_confirm(publisher, &err));
}

static void end(void)
{
	broker_close(publisher);
	broker_close(consumer);
	free(event.body);
	event.body = NULL;
	for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
		delete_queue(queues[i]);
	delete_exchange(exchange);
	delete_exchange(dead_exchange);
}

/* ---- events ---- */

/* The next event; what it is not, is a failure. */
static bool comes(struct broker *b, enum broker_event_type type)
{
	free(event.body);
	event.body = NULL;
	if (!WORKS(broker_next(b, PATIENCE_MS, &event, &err)))
		return false;
	return EXPECT(event.type == type, "event %d, not %d", (int)event.type, (int)type);
}

/* Takes events until the connection fails. */
static void comes_the_end(struct broker *b, const char *code)
{
	for (int i = 0; i < 100; i++) {
		free(event.body);
		event.body = NULL;
		if (broker_next(b, PATIENCE_MS, &event, &err) < 0) {
			EXPECT(strcmp(err.code, code) == 0, "code %s", err.code);
			return;
		}
	}
	EXPECT(false, "the connection lives");
}

static void comes_delivery(const char *message_id)
{
	if (comes(consumer, BROKER_DELIVERY))
		EXPECT(strcmp(event.message_id, message_id) == 0, "%s, not %s", event.message_id,
		       message_id);
}

/* Takes confirms until all up to `last` have come. */
static void await_confirms(uint64_t last)
{
	for (uint64_t sure = 0; sure < last;) {
		if (!comes(publisher, BROKER_ACK))
			return;
		EXPECT(event.tag >= 1 && event.tag <= last, "tag %llu",
		       (unsigned long long)event.tag);
		sure = event.multiple ? event.tag : sure + 1;
	}
}

static uint64_t publish_to(const char *to, const char *key, const char *id, const void *body,
			   size_t size)
{
	uint64_t number = 0;
	WORKS(broker_publish(publisher,
			     &(struct broker_message){to, key, "text/plain", "kind", id, NULL, body,
						      size, false},
			     &number, &err));
	return number;
}

/* Publishes and waits until it is safe. */
static void put(const char *id, const void *body, size_t size)
{
	static uint64_t number;
	number = publish_to(exchange, KEY, id, body, size);
	if (comes(publisher, BROKER_ACK))
		EXPECT(event.tag == number, "tag %llu, not %llu", (unsigned long long)event.tag,
		       (unsigned long long)number);
}

static void consume(uint16_t prefetch) { WORKS(broker_consume(consumer, queue, prefetch, &err)); }

/* Ready messages of the queue. */
static void await_ready(const char *name, int64_t wanted) { queue_await_size(name, wanted); }

static void ack(void) { WORKS(broker_ack(consumer, event.tag, false, &err)); }

static void reject(bool requeue) { WORKS(broker_reject(consumer, event.tag, requeue, &err)); }

/* ---- publishing ---- */

static void confirms_are_numbered(void)
{
	for (uint64_t i = 1; i <= 50; i++)
		EXPECT(publish_to(exchange, KEY, "a", "x", 1) == i, "message %llu",
		       (unsigned long long)i);
	await_confirms(50);
	await_ready(queue, 50);
}

/* An unroutable message is confirmed all the same: what was returned must be known before. */
static void returned_before_its_ack(void)
{
	EXPECT(publish_to(exchange, "nobody", "lost_1", "a body", 6) == 1, "number");
	if (comes(publisher, BROKER_RETURN))
		EXPECT(strcmp(event.message_id, "lost_1") == 0, "%s", event.message_id);
	CU_ASSERT_PTR_NULL(event.body);
	if (comes(publisher, BROKER_ACK))
		EXPECT(event.tag == 1, "tag %llu", (unsigned long long)event.tag);
	put("kept", "x", 1);
	EXPECT(publish_to(exchange, "nobody", "lost_2", NULL, 0) == 3, "number");
	if (comes(publisher, BROKER_RETURN))
		EXPECT(strcmp(event.message_id, "lost_2") == 0, "%s", event.message_id);
	comes(publisher, BROKER_ACK);
	await_ready(queue, 1);
}

static void no_such_exchange(void)
{
	uint64_t number = 0;
	const struct broker_message late = {exchange, KEY, "t", "k", "b", NULL, "x", 1, false};
	publish_to(no_such, KEY, "a", "x", 1);
	comes_the_end(publisher, "broker_missing");
	EXPECT_PART(err.text, "404");
	EXPECT_PART(err.text, no_such);
	/* Nothing is taken that would be lost with the channel. */
	EXPECT(broker_publish(publisher, &late, &number, &err) < 0, "it publishes");
	EXPECT(broker_ack(publisher, 1, false, &err) < 0, "it acks");
	EXPECT(broker_reject(publisher, 1, false, &err) < 0, "it rejects");
	EXPECT(broker_next(publisher, PATIENCE_MS, &event, &err) < 0, "it goes on");
	EXPECT_PART(err.text, "lost");
	await_ready(queue, 0);
}

/* ---- consuming ---- */

static void there_and_acked(void)
{
	put("job/1/item", "the body", 8);
	consume(10);
	comes_delivery("job/1/item");
	EXPECT(event.body_size == 8 && event.body && memcmp(event.body, "the body", 8) == 0,
	       "body");
	EXPECT(strcmp(event.content_type, "text/plain") == 0, "type %s", event.content_type);
	EXPECT(!event.redelivered && event.deliveries == 0, "it says it came before");
	EXPECT(!*event.death_reason && !*event.death_queue, "it says it is dead");
	ack();
	broker_close(consumer); /* what is not acked comes back */
	consumer = open_one();
	await_ready(queue, 0);
}

static void back_when_not_acked(void)
{
	put("a", "x", 1);
	consume(10);
	comes_delivery("a");
	broker_close(consumer);
	consumer = open_one();
	await_ready(queue, 1);
	consume(10);
	comes_delivery("a");
	EXPECT(event.redelivered, "not marked as redelivered");
	EXPECT_INT(event.deliveries, 1);
}

static void many_at_once(void)
{
	char id[16];
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "m%d", i);
		put(id, "x", 1);
	}
	consume(6);
	for (int i = 0; i < 6; i++) {
		snprintf(id, sizeof id, "m%d", i);
		comes_delivery(id);
	}
	await_ready(queue, 4); /* the prefetch is used up */
	WORKS(broker_ack(consumer, event.tag, true, &err));
	for (int i = 6; i < 10; i++) {
		snprintf(id, sizeof id, "m%d", i);
		comes_delivery(id);
	}
	broker_close(consumer);
	consumer = open_one();
	await_ready(queue, 4);
}

static void requeued_and_counted(void)
{
	put("a", "x", 1);
	consume(1);
	for (int i = 0; i < 3; i++) {
		comes_delivery("a");
		EXPECT_INT(event.deliveries, i);
		EXPECT(event.redelivered == (i > 0), "redelivered at %d", i);
		reject(true);
	}
	await_ready(dead_queue, 1); /* the limit is 2 */
	await_ready(queue, 0);
	WORKS(broker_consume(consumer, dead_queue, 1, &err));
	comes_delivery("a");
	EXPECT(strcmp(event.death_reason, "delivery_limit") == 0, "reason %s", event.death_reason);
	EXPECT(strcmp(event.death_queue, queue) == 0, "queue %s", event.death_queue);
}

static void rejected_and_dead(void)
{
	put("a", "its body", 8);
	consume(1);
	comes_delivery("a");
	reject(false);
	await_ready(dead_queue, 1);
	WORKS(broker_consume(consumer, dead_queue, 1, &err));
	comes_delivery("a");
	EXPECT(strcmp(event.death_reason, "rejected") == 0, "reason %s", event.death_reason);
	EXPECT(strcmp(event.death_queue, queue) == 0, "queue %s", event.death_queue);
	EXPECT(event.body && event.body_size == 8 && memcmp(event.body, "its body", 8) == 0,
	       "body");
	EXPECT(strcmp(event.content_type, "text/plain") == 0, "type %s", event.content_type);
}

/* The answer to a cancel comes behind what was on its way; then there is silence. */
static void cancelled(void)
{
	put("a", "x", 1);
	consume(10);
	comes_delivery("a");
	WORKS(broker_cancel(consumer, queue, &err));
	ack(); /* the connection goes on */
	/* An answer to this one means that the cancel has been carried out, too. */
	WORKS(broker_declare_exchange(consumer, exchange, true, &err));
	put("b", "x", 1);
	await_ready(queue, 1);
	WORKS(broker_next(consumer, 0, &event, &err));
	EXPECT(event.type == BROKER_NOTHING, "event %d", (int)event.type);
	consume(10);
	comes_delivery("b");
}

static void nothing_to_take(void)
{
	WORKS(broker_next(consumer, 0, &event, &err));
	EXPECT(event.type == BROKER_NOTHING, "event %d", (int)event.type);
	consume(1);
	WORKS(broker_next(consumer, 10, &event, &err));
	EXPECT(event.type == BROKER_NOTHING, "event %d", (int)event.type);
	EXPECT(!broker_buffered(consumer), "something is buffered");
}

/* Deliveries that came while an answer was waited for are not lost, and the socket does not tell
 * of them. */
static void buffered(void)
{
	for (int i = 0; i < 3; i++)
		put("a", "x", 1);
	consume(10);
	for (int i = 0; i < 1000 && !broker_buffered(consumer); i++)
		WORKS(broker_declare_exchange(consumer, exchange, true, &err));
	EXPECT(broker_buffered(consumer), "nothing is buffered");
	WORKS(broker_next(consumer, 0, &event, &err));
	EXPECT(event.type == BROKER_DELIVERY, "event %d", (int)event.type);
	for (int i = 0; i < 2; i++)
		comes_delivery("a");
	EXPECT(!broker_buffered(consumer), "more is buffered");
}

static void the_queue_is_deleted(void)
{
	consume(1);
	delete_queue(queue);
	comes(consumer, BROKER_CANCEL);
}

/* ---- bodies ---- */

static char pattern(size_t i) { return (char)(i * 31 + i / 251); }

static void fill(char *body, size_t size)
{
	for (size_t i = 0; i < size; i++)
		body[i] = pattern(i);
}

static bool is_filled(const char *body, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (body[i] != pattern(i))
			return false;
	return true;
}

/* A frame holds 131072 bytes, of which 8 are its own. */
static void bodies_of_all_sizes(void)
{
	static const size_t sizes[] = {0,      1,      131063, 131064,	  131065, 131072,
				       131073, 262128, 262129, LIMIT - 1, LIMIT};
	static char body[LIMIT];
	char id[32];
	fill(body, sizeof body);
	consume(100);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		snprintf(id, sizeof id, "size_%zu", sizes[i]);
		put(id, body, sizes[i]);
		comes_delivery(id);
		EXPECT_INT((int64_t)event.body_size, (int64_t)sizes[i]);
		EXPECT(event.body && is_filled(event.body, sizes[i]), "the body of %s", id);
		ack();
	}
}

static void too_large_a_body(void)
{
	static const size_t sizes[] = {1001, 131065, LIMIT, 1001};
	static char body[LIMIT];
	fill(body, sizeof body);
	broker_close(consumer);
	consumer = open_limited(1000);
	consume(2);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		put("too_large", body, sizes[i]);
		comes_delivery("too_large");
		CU_ASSERT_PTR_NULL(event.body);
		EXPECT_INT((int64_t)event.body_size, (int64_t)sizes[i]);
		reject(false);
		put("fits", body, 1000);
		comes_delivery("fits");
		EXPECT(event.body && event.body_size == 1000 && is_filled(event.body, 1000),
		       "body");
		ack();
	}
	await_ready(dead_queue, 4);
}

/* ---- topology ---- */

static void declared_again(void)
{
	const struct broker_queue same = {queue, dead_exchange, "dead", 2};
	uint32_t messages = 99;
	put("a", "x", 1);
	await_ready(queue, 1);
	WORKS(broker_declare_exchange(consumer, exchange, false, &err));
	WORKS(broker_declare_exchange(consumer, exchange, true, &err));
	WORKS(broker_declare_queue(consumer, &same, false, &messages, &err));
	EXPECT_INT(messages, 1);
	messages = 99;
	WORKS(broker_declare_queue(consumer, &same, true, &messages, &err));
	EXPECT_INT(messages, 1);
}

/* The broker says which argument differs. */
static void declared_otherwise(void)
{
	const struct broker_queue other = {queue, dead_exchange, "dead", 3};
	EXPECT(broker_declare_queue(consumer, &other, false, NULL, &err) < 0, "it takes them");
	EXPECT(strcmp(err.code, "broker_differs") == 0, "code %s", err.code);
	EXPECT_PART(err.text, "406");
	EXPECT_PART(err.text, "x-delivery-limit");
}

static void looked_for_in_vain(void)
{
	const struct broker_queue none = {.name = no_such};
	uint32_t messages = 99;
	EXPECT(broker_declare_exchange(consumer, no_such, true, &err) < 0, "it is there");
	EXPECT_PART(err.text, "404");
	EXPECT_PART(err.text, no_such);
	broker_close(consumer);
	consumer = open_one();
	EXPECT(broker_declare_queue(consumer, &none, true, &messages, &err) < 0, "it is there");
	EXPECT_PART(err.text, "404");
	EXPECT_PART(err.text, no_such);
	EXPECT_INT(messages, 99); /* only written when it is known */
	broker_close(consumer);
	consumer = open_one();
	EXPECT(broker_consume(consumer, no_such, 1, &err) < 0, "it is there");
	EXPECT_PART(err.text, "404");
	broker_close(consumer);
	consumer = open_one();
	EXPECT(broker_bind(consumer, queue, no_such, KEY, &err) < 0, "it is there");
	EXPECT_PART(err.text, "404");
}

static void weir_s_own(void)
{
	char name[NAMES_MAX];
	uint32_t messages = 99;
	queue_of(kind, name);
	struct buffer all = BUFFER_INIT;
	for (int i = 0; i < 2; i++)
		WORKS(topology_restore(consumer, &all, &err));
	buffer_release(&all);
	WORKS(topology_check(consumer, &messages, &err));
	EXPECT(topology_check_kind(consumer, kind, NULL, &err) < 0, "it is there");
	EXPECT(strcmp(err.code, "topology") == 0, "code %s", err.code);
	EXPECT_PART(err.text, name);
	EXPECT_PART(err.text, "weir init");
	broker_close(consumer);
	consumer = open_one();
	for (int i = 0; i < 2; i++) {
		struct buffer names = BUFFER_INIT;
		WORKS(topology_restore_kind(consumer, kind, NULL, &names, NULL, &err));
		EXPECT_INT(names.size > 0, i == 0);
		buffer_release(&names);
	}
	WORKS(topology_check_kind(consumer, kind, &messages, &err));
	EXPECT_INT(messages, 0);
	publish_to("weir.items", kind, "a", "x", 1);
	comes(publisher, BROKER_ACK);
	await_ready(name, 1);
	delete_queue(name);
}

/* ---- opening ---- */

/* The address with another password. */
static void other_password(char *out, size_t room, const char *password)
{
	const char *url = getenv("WEIR_AMQP_URL"), *at = strchr(url, '@');
	const char *colon = strchr(strstr(url, "://") + 3, ':');
	CU_ASSERT_FATAL(at && colon && colon < at);
	snprintf(out, room, "%.*s:%s%s", (int)(colon - url), url, password, at);
}

static void refused(const char *url, const char *code, const char *part)
{
	struct broker *none = NULL;
	EXPECT(broker_open(url, "weir-test", LIMIT, &none, &err) < 0, "it opens");
	EXPECT(strcmp(err.code, code) == 0, "code %s", err.code);
	EXPECT_PART(err.text, part);
	EXPECT(!strstr(err.text, "s3cret"), "%s", err.text);
	CU_ASSERT_PTR_NULL(none);
}

static void a_wrong_password(void)
{
	char url[512];
	other_password(url, sizeof url, "s3cret");
	refused(url, "broker", "403");
}

static void a_wrong_vhost(void)
{
	char url[512];
	const char *given = getenv("WEIR_AMQP_URL");
	snprintf(url, sizeof url, "%.*s/nowhere", (int)(strrchr(given, '/') - given), given);
	refused(url, "broker", "530");
}

static void bad_addresses(void)
{
	static const char *const bad[] = {"", "s3cret", "http://u:s3cret@h/",
					  "amqp://u:s3cret@h:x/", "amqp://u:s3cret@h:5672/%zz"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused(bad[i], "bad_url", "WEIR_AMQP_URL");
	refused("amqps://u:s3cret@h/", "bad_url", "amqps");
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&a, size) == 0 && listen(fd, 1) == 0);
	CU_ASSERT_FATAL(getsockname(fd, (struct sockaddr *)&a, &size) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void nobody_listens(void)
{
	char url[64];
	int port;
	close(listen_somewhere(&port));
	snprintf(url, sizeof url, "amqp://u:s3cret@127.0.0.1:%d/", port);
	refused(url, "broker", "connect");
}

/* Takes the greeting of one connection, answers something else, and hangs up. */
static void *be_no_broker(void *arg)
{
	char hello[64];
	int fd = accept(*(const int *)arg, NULL, NULL);
	ssize_t n = read(fd, hello, sizeof hello);
	n = n > 0 ? write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) : 0;
	close(fd);
	return NULL;
}

static void no_broker_at_all(void)
{
	char url[64];
	int port, fd = listen_somewhere(&port);
	pthread_t thread;
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, be_no_broker, &fd) == 0);
	snprintf(url, sizeof url, "amqp://u:s3cret@127.0.0.1:%d/", port);
	refused(url, "broker", "log in");
	pthread_join(thread, NULL);
	close(fd);
}

static void what_the_broker_is(void)
{
	EXPECT(broker_version(consumer)[0] >= '0' && broker_version(consumer)[0] <= '9',
	       "version %s", broker_version(consumer));
	EXPECT(broker_fd(consumer) >= 0 && broker_fd(consumer) != broker_fd(publisher),
	       "descriptors");
	broker_close(NULL);
}

/* ---- interrupted ---- */

static int to_interrupt;

static void interrupt(int signal_number)
{
	(void)signal_number;
	broker_interrupt(to_interrupt);
}

/* A wait that would last: it ends, and the connection with it. */
static void is_interrupted(void)
{
	EXPECT(broker_next(consumer, 10 * PATIENCE_MS, &event, &err) < 0, "event %d",
	       (int)event.type);
	EXPECT(strcmp(err.code, "broker") == 0 && *err.text, "%s: %s", err.code, err.text);
	EXPECT(broker_next(consumer, 0, &event, &err) < 0, "it lives");
}

static void by_a_signal(void)
{
	struct sigaction a = {.sa_handler = interrupt}, kept;
	struct itimerval soon = {.it_value.tv_usec = 50000};
	consume(1);
	to_interrupt = broker_fd(consumer);
	sigaction(SIGALRM, &a, &kept);
	setitimer(ITIMER_REAL, &soon, NULL);
	is_interrupted();
	sigaction(SIGALRM, &kept, NULL);
}

static void *interrupt_later(void *arg)
{
	pause_ms(50);
	broker_interrupt(*(const int *)arg);
	return NULL;
}

static void by_another_thread(void)
{
	pthread_t thread;
	consume(1);
	to_interrupt = broker_fd(consumer);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, interrupt_later, &to_interrupt) == 0);
	is_interrupted();
	pthread_join(thread, NULL);
}

static void before_it_waits(void)
{
	consume(1);
	broker_interrupt(broker_fd(consumer));
	is_interrupted();
}

void add_amqp_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("amqp", name_all, NULL, begin, end);

	CU_ADD_TEST(suite, confirms_are_numbered);
	CU_ADD_TEST(suite, returned_before_its_ack);
	CU_ADD_TEST(suite, no_such_exchange);
	CU_ADD_TEST(suite, there_and_acked);
	CU_ADD_TEST(suite, back_when_not_acked);
	CU_ADD_TEST(suite, many_at_once);
	CU_ADD_TEST(suite, requeued_and_counted);
	CU_ADD_TEST(suite, rejected_and_dead);
	CU_ADD_TEST(suite, cancelled);
	CU_ADD_TEST(suite, nothing_to_take);
	CU_ADD_TEST(suite, buffered);
	CU_ADD_TEST(suite, the_queue_is_deleted);
	CU_ADD_TEST(suite, bodies_of_all_sizes);
	CU_ADD_TEST(suite, too_large_a_body);
	CU_ADD_TEST(suite, declared_again);
	CU_ADD_TEST(suite, declared_otherwise);
	CU_ADD_TEST(suite, looked_for_in_vain);
	CU_ADD_TEST(suite, weir_s_own);
	CU_ADD_TEST(suite, a_wrong_password);
	CU_ADD_TEST(suite, a_wrong_vhost);
	CU_ADD_TEST(suite, bad_addresses);
	CU_ADD_TEST(suite, nobody_listens);
	CU_ADD_TEST(suite, no_broker_at_all);
	CU_ADD_TEST(suite, what_the_broker_is);
	CU_ADD_TEST(suite, by_a_signal);
	CU_ADD_TEST(suite, by_another_thread);
	CU_ADD_TEST(suite, before_it_waits);
}
