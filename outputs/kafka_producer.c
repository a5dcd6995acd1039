#include "outputs/kafka_producer.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "outputs/kafka_token.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* An event of librdkafka may report a whole record set. */
#define EVENTS_PER_WAKE 8

struct topic {
	rd_kafka_topic_t *handle;
	char name[KAFKA_TOPIC_BYTES + 1];
};

struct kafka_producer {
	const struct kafka_settings *settings;
	const struct kafka_hooks *hooks;
	void *ctx;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	struct event *wake; /* eventfd: librdkafka has something, or the producer has ended */
	int wake_fd;
	struct topic *topics; /* open addressing by the hash of the name */
	size_t topic_count, last_topic, outstanding, set_bytes, set_events;
	pthread_t ender;
	bool is_ending;		/* the thread was made */
	_Atomic bool has_ended; /* and has done its work */
};

/* Called by any thread of librdkafka. What it thinks an operator should know also comes as an
 * error event. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	const struct kafka_settings *settings = rd_kafka_opaque(rk);

	log_debug("output %s: librdkafka: %s: %s", settings->common.name, facility, text);
}

static void take_reports(struct kafka_producer *p, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;

	while ((message = rd_kafka_event_message_next(event))) {
		p->outstanding--;
		p->hooks->on_report(p->ctx, (uintptr_t)message->_private, message->err,
				    message->err ? rd_kafka_topic_name(message->rkt) : "");
	}
}

static void take_event(struct kafka_producer *p, rd_kafka_event_t *event)
{
	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		take_reports(p, event);
		break;
	case RD_KAFKA_EVENT_ERROR:
		p->hooks->on_error(p->ctx, rd_kafka_event_error(event),
				   rd_kafka_event_error_string(event));
		break;
	case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
		kafka_token_show(p->rk, p->settings);
		break;
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct kafka_producer *p = arg;
	unsigned int left = EVENTS_PER_WAKE;
	rd_kafka_event_t *event;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count) && errno != EAGAIN)
		log_error("output %s: can't read an eventfd: %s", p->settings->common.name,
			  strerror(errno));
	if (!p->queue) {
		if (atomic_load(&p->has_ended))
			p->hooks->on_ended(p->ctx);
		return;
	}
	while (left-- && (event = rd_kafka_queue_poll(p->queue, 0))) {
		take_event(p, event);
		rd_kafka_event_destroy(event);
	}
	/* librdkafka wakes up once for what lies in the queue: the rest is ours to remember. */
	if (rd_kafka_queue_length(p->queue))
		event_active(p->wake, EV_READ, 1);
	p->hooks->on_served(p->ctx);
}

static int open_wake(struct kafka_producer *p, struct event_base *base)
{
	uint64_t one = 1;

	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0)
		return -errno;
	p->wake = event_new(base, p->wake_fd, EV_READ | EV_PERSIST, on_wake, p);
	if (!p->wake || event_add(p->wake, NULL) != 0)
		return -ENOMEM;
	p->queue = rd_kafka_queue_get_main(p->rk);
	rd_kafka_queue_io_event_enable(p->queue, p->wake_fd, &one, sizeof(one));
	/* Of what came before this, and of what comes while that lies there, nothing would wake us.
	 */
	event_active(p->wake, EV_READ, 1);
	return 0;
}

static size_t number_of(const rd_kafka_conf_t *conf, const char *name)
{
	char text[32];
	size_t n = sizeof(text);

	if (rd_kafka_conf_get(conf, name, text, &n) != RD_KAFKA_CONF_OK)
		return 0;
	return strtoull(text, NULL, 10);
}

static int open_handle(struct kafka_producer *p, const struct kafka_limits *limits,
		       struct errmsg *em)
{
	rd_kafka_conf_t *conf;
	size_t record_bytes;
	char why[256];
	int err = kafka_conf_create(p->settings, limits, &conf, em);

	if (err)
		return err;
	p->set_bytes = number_of(conf, "batch.size");
	p->set_events = number_of(conf, "batch.num.messages");
	record_bytes = number_of(conf, "message.max.bytes");
	if (p->set_bytes > record_bytes)
		p->set_bytes = record_bytes;
	rd_kafka_conf_set_opaque(conf, (void *)p->settings);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR |
					       RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
	p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (p->rk)
		return 0;
	rd_kafka_conf_destroy(conf);
	errmsg_set(em, "librdkafka can't start: %s", why);
	return -EINVAL;
}

static void free_parts(struct kafka_producer *p)
{
	if (p->wake)
		event_free(p->wake);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	free(p->topics);
	free(p);
}

static void close_queue(struct kafka_producer *p)
{
	if (!p->queue)
		return;
	rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(p->queue);
	p->queue = NULL;
}

int kafka_producer_create(const struct kafka_settings *settings, const struct kafka_limits *limits,
			  struct event_base *base, const struct kafka_hooks *hooks, void *ctx,
			  struct kafka_producer **producer_r, struct errmsg *em)
{
	struct kafka_producer *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (!p)
		return err;
	p->settings = settings;
	p->hooks = hooks;
	p->ctx = ctx;
	p->wake_fd = -1;
	p->topics = calloc(2 * KAFKA_MAX_TOPICS, sizeof(*p->topics));
	if (p->topics)
		err = open_handle(p, limits, em);
	if (!err)
		err = open_wake(p, base);
	if (err) {
		close_queue(p);
		if (p->rk)
			rd_kafka_destroy(p->rk); /* has connected nowhere yet */
		free_parts(p);
		return err;
	}
	*producer_r = p;
	return 0;
}

static size_t find_topic(const struct kafka_producer *p, struct str name)
{
	size_t at = hash_bytes(name.p, name.n, 0) % (2 * KAFKA_MAX_TOPICS);

	while (p->topics[at].handle && !str_equal(str_of(p->topics[at].name), name))
		at = (at + 1) % (2 * KAFKA_MAX_TOPICS);
	return at;
}

rd_kafka_topic_t *kafka_producer_topic(struct kafka_producer *p, struct str name)
{
	struct topic *topic = &p->topics[p->last_topic];
	size_t at;

	if (topic->handle && str_equal(str_of(topic->name), name))
		return topic->handle;
	at = find_topic(p, name);
	topic = &p->topics[at];
	if (!topic->handle) {
		if (p->topic_count == KAFKA_MAX_TOPICS || name.n >= sizeof(topic->name))
			return NULL;
		snprintf(topic->name, sizeof(topic->name), "%.*s", STR_FMT(name));
		topic->handle = rd_kafka_topic_new(p->rk, topic->name, NULL);
		p->topic_count += topic->handle != NULL;
	}
	p->last_topic = at;
	return topic->handle;
}

rd_kafka_resp_err_t kafka_producer_put(struct kafka_producer *p, const struct kafka_record *record)
{
	rd_kafka_vu_t vus[5 + KAFKA_HEADERS]; /* large ones: what is not used stays as it is */
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_error_t *error;
	size_t n = 4;

	vus[0].vtype = RD_KAFKA_VTYPE_RKT;
	vus[0].u.rkt = record->topic;
	vus[1].vtype = RD_KAFKA_VTYPE_VALUE;
	vus[1].u.mem.ptr = (void *)record->value.p;
	vus[1].u.mem.size = record->value.n;
	vus[2].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
	vus[2].u.i64 = record->time_ms;
	vus[3].vtype = RD_KAFKA_VTYPE_OPAQUE;
	vus[3].u.ptr = (void *)(uintptr_t)record->opaque;
	if (record->key.n) {
		vus[n].vtype = RD_KAFKA_VTYPE_KEY;
		vus[n].u.mem.ptr = (void *)record->key.p;
		vus[n++].u.mem.size = record->key.n;
	}
	memcpy(&vus[n], record->headers, record->header_count * sizeof(*vus));
	n += record->header_count;
	error = rd_kafka_produceva(p->rk, vus, n);
	if (error) {
		err = rd_kafka_error_code(error);
		rd_kafka_error_destroy(error);
	} else {
		p->outstanding++;
	}
	return err;
}

size_t kafka_producer_set_bytes(const struct kafka_producer *p)
{
	return p->set_bytes;
}

bool kafka_producer_is_single(const struct kafka_producer *p)
{
	return p->set_events == 1;
}

size_t kafka_producer_outstanding(const struct kafka_producer *p)
{
	return p->outstanding;
}

void kafka_producer_take_back(struct kafka_producer *p, bool in_flight)
{
	rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING |
				      (in_flight ? RD_KAFKA_PURGE_F_INFLIGHT : 0));
}

rd_kafka_resp_err_t kafka_producer_fatal_error(struct kafka_producer *p, struct errmsg *em)
{
	char words[256];
	rd_kafka_resp_err_t err = rd_kafka_fatal_error(p->rk, words, sizeof(words));

	if (err)
		errmsg_set(em, "librdkafka's producer has failed and is made anew: %s", words);
	return err;
}

void kafka_producer_renew_token(struct kafka_producer *p)
{
	if (p->settings->sasl.mechanism == KAFKA_SASL_OAUTHBEARER)
		kafka_token_show(p->rk, p->settings);
}

static void *run_end(void *arg)
{
	struct kafka_producer *p = arg;
	uint64_t one = 1;

	rd_kafka_destroy_flags(p->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	atomic_store(&p->has_ended, true);
	if (write(p->wake_fd, &one, sizeof(one)) != sizeof(one))
		abort(); /* nobody else writes to it any more */
	return NULL;
}

void kafka_producer_end(struct kafka_producer *p)
{
	sigset_t all, old;
	size_t i;

	for (i = 0; i < 2 * KAFKA_MAX_TOPICS; i++)
		if (p->topics[i].handle)
			rd_kafka_topic_destroy(p->topics[i].handle);
	close_queue(p);
	rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
				      RD_KAFKA_PURGE_F_NON_BLOCKING);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	p->is_ending = pthread_create(&p->ender, NULL, run_end, p) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The loop is not to wait for a thread that could not be made either: then it stays as it is. */
bool kafka_producer_free(struct kafka_producer **producer, unsigned int wait_ms)
{
	struct kafka_producer *p = *producer;
	struct timespec until;

	*producer = NULL;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += wait_ms % 1000 * NSEC_PER_MSEC;
	until.tv_sec += wait_ms / 1000 + until.tv_nsec / NSEC_PER_SEC;
	until.tv_nsec %= NSEC_PER_SEC;
	if (p->is_ending && pthread_timedjoin_np(p->ender, NULL, &until) == 0) {
		free_parts(p);
		return true;
	}
	event_free(p->wake);
	p->wake = NULL;
	return false;
}
