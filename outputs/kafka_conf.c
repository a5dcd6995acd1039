/* outputs/kafka_conf.c: librdkafka's configuration made from an output's settings. */
#include "base/secret.h"
#include "outputs/kafka_settings.h"

#include <errno.h>

/* What goes wrong when someone else sets it. */
static const struct {
	const char *name, *why;
} owned[] = {
	{ "bootstrap.servers", "use brokers" },
	{ "metadata.broker.list", "use brokers" },
	{ "enable.idempotence", "events are always written once per producer" },
	{ "enable.gapless.guarantee", "weir decides what an error means for the order" },
	{ "transactional.id", "weir writes without transactions" },
	{ "acks", "an event is only sent when all replicas in sync have it" },
	{ "request.required.acks", "an event is only sent when all replicas in sync have it" },
	{ "message.timeout.ms", "weir decides on giving up, and never does" },
	{ "delivery.timeout.ms", "weir decides on giving up, and never does" },
	{ "message.send.max.retries", "weir decides on giving up, and never does" },
	{ "retries", "weir decides on giving up, and never does" },
	{ "delivery.report.only.error", "weir needs every report" },
	{ "partitioner", "use partitioner beside properties" },
	{ "compression.codec", "use compression" },
	{ "compression.type", "use compression" },
	{ "security.protocol", "use transport and sasl" },
	{ "sasl.mechanism", "use sasl.mechanism beside properties" },
	{ "sasl.mechanisms", "use sasl.mechanism beside properties" },
	{ "sasl.username", "use sasl.user" },
	{ "sasl.password", "use sasl.password beside properties" },
	{ "enable.ssl.certificate.verification", "use tls.verify" },
	{ "enable.sasl.oauthbearer.unsecure.jwt", "a token that nobody signed proves nothing" },
	{ "plugin.library.paths", "the forwarder loads no code" },
	{ "test.mock.num.brokers", "what is sent there arrives nowhere" },
	{ "log.queue", "weir reads the log itself" },
};

static const struct {
	const char *prefix, *why;
} owned_families[] = {
	{ "ssl.", "use tls" },
	{ "sasl.kerberos.", "Kerberos needs programs that the forwarder can't start" },
};

static const char *why_owned(struct str name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(owned); i++)
		if (str_equal(name, str_of(owned[i].name)))
			return owned[i].why;
	for (i = 0; i < ARRAY_SIZE(owned_families); i++)
		if (str_starts_with(name, str_of(owned_families[i].prefix)))
			return owned_families[i].why;
	return NULL;
}

/* Writer of a librdkafka configuration: the first failure sticks. */
struct conf {
	rd_kafka_conf_t *rk;
	struct errmsg *em;
	int err;
};

static void set(struct conf *conf, const char *name, const char *value)
{
	char why[256];

	if (conf->err ||
	    rd_kafka_conf_set(conf->rk, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return;
	conf->err = -EINVAL;
	errmsg_set(conf->em, "librdkafka: %s", why);
}

static void set_if(struct conf *conf, const char *name, const char *value)
{
	if (value && *value)
		set(conf, name, value);
}

static void set_number(struct conf *conf, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	set(conf, name, text);
}

static void set_secret(struct conf *conf, const char *name, const struct secret *secret)
{
	struct str value = secret ? secret_reveal(secret) : STR("");
	char *text;

	if (!secret)
		return;
	text = strndup(value.p, value.n);
	if (!text) {
		conf->err = -ENOMEM;
		return;
	}
	set(conf, name, text);
	secret_wipe(text, value.n);
	free(text);
}

/* What holds whatever the configuration says. librdkafka never gives an event up: a producer that
 * is stuck is thrown away by delivery, with what it had kept. */
static void set_fixed(struct conf *conf, const struct kafka_limits *limits)
{
	set(conf, "client.id", "weir");
	set(conf, "socket.keepalive.enable", "true");
	set(conf, "message.copy.max.bytes", "256"); /* sent from the batch's block */
	set(conf, "topic.metadata.propagation.max.ms", "5000");
	set(conf, "enable.idempotence", "true");
	set(conf, "acks", "all");
	set(conf, "message.timeout.ms", "0");
	set(conf, "enable.gapless.guarantee", limits->stop_at_first_gap ? "true" : "false");
}

/* Room for the whole window, reports that were not read yet included: it is the window that bounds
 * memory, unless the properties say less. */
static void set_queue(struct conf *conf, const struct output_settings *common)
{
	const uint64_t extra_bytes = 2048; /* of a record beside its value: key, headers */
	uint64_t events = KAFKA_WINDOW * common->batch.max_events;
	uint64_t bytes =
		KAFKA_WINDOW * (common->batch.max_bytes + (4 << 20)) + events * extra_bytes;

	set_number(conf, "queue.buffering.max.messages", events);
	set_number(conf, "queue.buffering.max.kbytes",
		   bytes / 1024 < INT32_MAX ? bytes / 1024 : INT32_MAX);
}

static void set_limits(struct conf *conf, const struct kafka_limits *limits)
{
	if (limits->set_bytes)
		set_number(conf, "batch.size", limits->set_bytes);
	if (limits->set_events)
		set_number(conf, "batch.num.messages", limits->set_events);
}

static void set_brokers(struct conf *conf, const struct config_strings *brokers)
{
	char text[4096];
	struct buf list = buf_fixed(text, sizeof(text) - 1);
	size_t i;

	for (i = 0; i < brokers->n; i++) {
		if (i)
			buf_putc(&list, ',');
		buf_puts(&list, str_of(brokers->v[i]));
	}
	if (!buf_ok(&list)) {
		errmsg_set(conf->em, "the list of brokers is too long");
		conf->err = -EINVAL;
	}
	text[list.len] = '\0';
	set(conf, "bootstrap.servers", text);
}

static void set_tls(struct conf *conf, const struct tls_settings *tls)
{
	set_if(conf, "ssl.ca.location", tls->ca_file);
	set_if(conf, "ssl.crl.location", tls->crl_file);
	set_if(conf, "ssl.certificate.location", tls->certificate);
	set_if(conf, "ssl.key.location", *tls->key ? tls->key : tls->certificate);
	set_secret(conf, "ssl.key.password", tls->key_password);
	set_if(conf, "ssl.cipher.suites", tls->ciphers);
	set(conf, "enable.ssl.certificate.verification", tls->verify ? "true" : "false");
	set(conf, "ssl.endpoint.identification.algorithm",
	    tls->verify && tls->verify_hostname ? "https" : "none");
}

static void set_sasl(struct conf *conf, const struct kafka_settings *settings)
{
	static const char *const names[] = { "", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512",
					     "OAUTHBEARER" };

	set(conf, "sasl.mechanisms", names[settings->sasl.mechanism]);
	if (settings->sasl.mechanism == KAFKA_SASL_OAUTHBEARER)
		return;
	set_if(conf, "sasl.username", settings->sasl.user);
	set_secret(conf, "sasl.password", settings->sasl.password);
}

static void set_security(struct conf *conf, const struct kafka_settings *settings)
{
	static const char *const protocols[2][2] = { { "plaintext", "sasl_plaintext" },
						     { "ssl", "sasl_ssl" } };
	bool has_tls = settings->transport == KAFKA_TLS;
	bool has_sasl = settings->sasl.mechanism != KAFKA_SASL_NONE;

	set(conf, "security.protocol", protocols[has_tls][has_sasl]);
	if (has_tls)
		set_tls(conf, &settings->tls);
	if (has_sasl)
		set_sasl(conf, settings);
}

static int set_property(struct conf *conf, const struct config_node *properties, size_t i)
{
	const struct config_node *key = config_node_key_node(properties, i);
	const struct config_node *value = config_node_at(properties, i);
	struct str name = config_node_key(properties, i);
	const char *why = why_owned(name);
	char text[128], *written;
	struct errmsg said;
	int err;

	if (why)
		return config_error(key, conf->em, "the property \"%.*s\" is weir's to set: %s",
				    (int)(name.n < 80 ? name.n : 80), name.p, why);
	if (config_node_kind(value) != CONFIG_NODE_SCALAR)
		return config_error(value, conf->em, "a property is one text or number");
	err = config_node_string(value, &written, conf->em);
	if (err)
		return err;
	snprintf(text, sizeof(text), "%.*s", STR_FMT(name));
	set(conf, text, written);
	free(written);
	if (conf->err) {
		said = *conf->em;
		config_error(key, conf->em, "%s", said.text);
	}
	return conf->err;
}

static int set_properties(struct conf *conf, const struct config_node *properties)
{
	size_t i;
	int err = 0;

	if (!properties || conf->err)
		return conf->err;
	if (config_node_kind(properties) != CONFIG_NODE_MAPPING)
		return config_error(properties, conf->em,
				    "properties is a mapping of librdkafka's names to values");
	for (i = 0; !err && i < config_node_count(properties); i++)
		err = set_property(conf, properties, i);
	return err;
}

int kafka_conf_create(const struct kafka_settings *settings, const struct kafka_limits *limits,
		      rd_kafka_conf_t **conf_r, struct errmsg *em)
{
	struct conf conf = { .rk = rd_kafka_conf_new(), .em = em };

	set_fixed(&conf, limits);
	set_brokers(&conf, &settings->brokers);
	set(&conf, "partitioner", kafka_partitioners[settings->partitioner]);
	set(&conf, "compression.type", kafka_compressions[settings->compression]);
	set_security(&conf, settings);
	set_queue(&conf, &settings->common);
	conf.err = set_properties(&conf, settings->properties);
	set_limits(&conf, limits); /* last: they may have to be less than asked for */
	if (conf.err)
		rd_kafka_conf_destroy(conf.rk);
	else
		*conf_r = conf.rk;
	return conf.err;
}
