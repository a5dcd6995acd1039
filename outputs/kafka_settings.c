#include "outputs/kafka_settings.h"

#include "base/log.h"

#include <errno.h>

static const char *const transports[] = { "tcp", "tls", NULL };
const char *const kafka_partitioners[] = { "murmur2_random", "consistent_random",
					   "fnv1a_random",   "murmur2",
					   "consistent",     "fnv1a",
					   "random",	     NULL };
const char *const kafka_compressions[] = { "lz4", "zstd", "snappy", "gzip", "none", NULL };
static const char *const mechanisms[] = { "none",	   "plain",	  "scram-sha-256",
					  "scram-sha-512", "oauthbearer", NULL };
static const char *const header_names[] = { "id", "sequence", "boot_id", "format", "content_type" };

_Static_assert(ARRAY_SIZE(header_names) == KAFKA_HEADERS, "one name for each header");

#define AT(field) offsetof(struct kafka_settings, field)

static const struct config_item sasl_items[] = {
	{ .name = "mechanism",
	  .type = CONFIG_ENUM,
	  .offset = AT(sasl.mechanism),
	  .value = "none",
	  .choices = mechanisms,
	  .help = "How weir shows the brokers who it is." },
	{ .name = "user",
	  .type = CONFIG_STRING,
	  .offset = AT(sasl.user),
	  .value = "",
	  .help = "Of plain and scram; with oauthbearer the principal, when the token does not "
		  "name one (sub)." },
	{ .name = "password",
	  .type = CONFIG_SECRET,
	  .offset = AT(sasl.password),
	  .optional = true,
	  .help = "Of plain and scram." },
	{ .name = "token",
	  .type = CONFIG_SECRET,
	  .offset = AT(sasl.token),
	  .optional = true,
	  .help = "Of oauthbearer: a token that does not change." },
	{ .name = "token_file",
	  .type = CONFIG_STRING,
	  .offset = AT(sasl.token_file),
	  .value = "",
	  .help = "Of oauthbearer: a file with the token, read again before the one in it expires "
		  "and when the broker refuses it. It must be readable for the forwarder's user." },
	CONFIG_END,
};

static const struct config_item tls_items[] = {
	TLS_ITEMS(struct kafka_settings, tls),
	CONFIG_END,
};

const struct config_item kafka_items[] = {
	{ .name = "brokers",
	  .type = CONFIG_LIST,
	  .offset = AT(brokers),
	  .optional = true,
	  .help = "Required: HOST:PORT of some of the cluster's brokers; the others are learned from them." },
	{ .name = "topic",
	  .type = CONFIG_STRING,
	  .offset = AT(topic),
	  .value = "weir-events",
	  .help = "Where events go. May have fields of the event in it: {kind}, {node}, {boot}, "
		  "{output}, {date} (2026.11.30), or the path of a member ({process.pod.namespace}); what a topic's name can't hold "
		  "becomes \"_\". With a path in it, which whoever causes an event can choose, it "
		  "must begin with text or `topics` must be given, and so must `fallback_topic`." },
	{ .name = "topics",
	  .type = CONFIG_LIST,
	  .offset = AT(topics),
	  .optional = true,
	  .help = "The topics that `topic` may make; any other goes to `fallback_topic`." },
	{ .name = "fallback_topic",
	  .type = CONFIG_STRING,
	  .offset = AT(fallback_topic),
	  .value = "",
	  .help = "Where events go whose topic is not in `topics`, lacks a field, is too long, or is "
		  "one more than 256. Empty: such events are refused." },
	{ .name = "key",
	  .type = CONFIG_STRING,
	  .offset = AT(key),
	  .value = "\"{node}\"",
	  .help = "Key of a record, made like `topic`: events with the same key are in one "
		  "partition, in order. {process.docker} keeps a container's together, "
		  "{process.exec_id} a process's. Empty, or empty for an event: any partition." },
	{ .name = "partitioner",
	  .type = CONFIG_ENUM,
	  .offset = AT(partitioner),
	  .value = "murmur2_random",
	  .choices = kafka_partitioners,
	  .help = "How the key chooses the partition. murmur2_random: as Java clients do." },
	{ .name = "compression",
	  .type = CONFIG_ENUM,
	  .offset = AT(compression),
	  .value = "lz4",
	  .choices = kafka_compressions,
	  .help = "Of record sets." },
	{ .name = "headers",
	  .type = CONFIG_LIST,
	  .offset = AT(headers),
	  .optional = true,
	  .help = "Headers of each record: id (weir.id: BOOT_ID-SEQUENCE, the same when an event "
		  "comes twice), sequence (weir.seq), boot_id (weir.boot_id), format (weir.format), "
		  "content_type (content-type). Default: id alone; [] for none. Each costs a third "
		  "of a microsecond, and room in the log." },
	{ .name = "transport",
	  .type = CONFIG_ENUM,
	  .offset = AT(transport),
	  .value = "tcp",
	  .choices = transports,
	  .help = "tls: encrypted." },
	{ .name = "tls",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = tls_items,
	  .help = TLS_HELP " librdkafka has no pins, no other name to check and no TLS 1.3 alone: "
			   "these are refused here." },
	{ .name = "sasl",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = sasl_items,
	  .help = "Who weir is." },
	{ .name = "properties",
	  .type = CONFIG_NODE,
	  .offset = AT(properties),
	  .optional = true,
	  .help = "Any property of librdkafka by its own name (linger.ms, client.id, debug ...); "
		  "those that this output sets itself are refused." },
	CONFIG_END,
};

unsigned int kafka_settings_headers(const struct kafka_settings *settings)
{
	unsigned int bits = 0;
	size_t i, name;

	if (!settings->headers.v)
		return 1u << KAFKA_HEADER_ID;
	for (i = 0; i < settings->headers.n; i++)
		for (name = 0; name < ARRAY_SIZE(header_names); name++)
			if (strcmp(settings->headers.v[i], header_names[name]) == 0)
				bits |= 1u << name;
	return bits;
}

static int check_headers(const struct config_node *cfg, const struct config_strings *headers,
			 struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "headers");
	size_t i, name;

	for (i = 0; i < headers->n; i++) {
		for (name = 0; name < ARRAY_SIZE(header_names); name++)
			if (strcmp(headers->v[i], header_names[name]) == 0)
				break;
		if (name == ARRAY_SIZE(header_names))
			return config_error(
				config_node_at(node, i), em,
				"there is no header \"%.80s\"; there are: id, sequence, "
				"boot_id, format, content_type",
				headers->v[i]);
	}
	return 0;
}

const struct template_rules kafka_topic_rules = {
	.what = "topic",
	.fields = TEMPLATE_ALL,
	.is_name = true,
	.allowed = TEMPLATE_LETTERS "._-",
	.replacement = '_',
	.max_bytes = 1024, /* what makes the name too long leads to fallback_topic */
	.absent = NULL,
};

/* A longer value is cut, so that no event makes a key without bound. */
const struct template_rules kafka_key_rules = {
	.what = "key",
	.fields = TEMPLATE_ALL,
	.max_bytes = 1024,
	.absent = "",
};

bool kafka_is_topic(struct str name)
{
	size_t i;

	if (name.n == 0 || name.n > KAFKA_TOPIC_BYTES || str_equal(name, STR(".")) ||
	    str_equal(name, STR("..")))
		return false;
	for (i = 0; i < name.n; i++)
		if (!name.p[i] || !strchr(kafka_topic_rules.allowed, name.p[i]))
			return false;
	return true;
}

static int check_topic_name(const struct config_node *node, const char *name, struct errmsg *em)
{
	if (kafka_is_topic(str_of(name)))
		return 0;
	return config_error(node, em,
			    "\"%.80s\" can't name a topic: use 1 to %d letters, digits, '.', '_' "
			    "or '-'",
			    name, KAFKA_TOPIC_BYTES);
}

static int check_topics(const struct config_node *cfg, const struct kafka_settings *settings,
			struct errmsg *em)
{
	const struct config_node *list = config_node_get(cfg, "topics");
	size_t i;
	int err = 0;

	if (*settings->fallback_topic)
		err = check_topic_name(config_node_get(cfg, "fallback_topic"),
				       settings->fallback_topic, em);
	for (i = 0; !err && i < settings->topics.n; i++)
		err = check_topic_name(config_node_at(list, i), settings->topics.v[i], em);
	return err;
}

/* What events say may choose among topics only as far as the configuration lets it. */
static int check_topic_template(const struct config_node *node,
				const struct kafka_settings *settings,
				const struct template *template, struct errmsg *em)
{
	struct str prefix = template_prefix(template);

	if (template_fields(template) == 0)
		return check_topic_name(node, settings->topic, em);
	if (prefix.n && !kafka_is_topic(prefix))
		return check_topic_name(node, prefix.p, em);
	if (!(template_fields(template) & TEMPLATE_BIT(TEMPLATE_PATH)))
		return 0;
	if (prefix.n == 0 && settings->topics.n == 0)
		return config_error(
			node, em,
			"what an event says would choose any topic: begin \"%.80s\" with "
			"text, or list the possible ones in topics",
			settings->topic);
	if (*settings->fallback_topic == '\0')
		return config_error(
			node, em,
			"\"%.80s\" is chosen by what an event says: give fallback_topic "
			"for those that make no topic",
			settings->topic);
	return 0;
}

static int check_templates(const struct config_node *cfg, const struct kafka_settings *settings,
			   struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "topic") ?: cfg;
	struct template *template;
	int err = template_check(node, settings->topic, &kafka_topic_rules, em);

	if (!err)
		err = template_check(config_node_get(cfg, "key"), settings->key, &kafka_key_rules,
				     em);
	if (!err)
		err = template_compile(settings->topic, &kafka_topic_rules, &template, em);
	if (err)
		return err;
	err = check_topic_template(node, settings, template, em);
	template_free(&template);
	return err;
}

static int check_tls(const struct config_node *cfg, const struct kafka_settings *settings,
		     struct errmsg *em)
{
	const struct config_node *tls = config_node_get(cfg, "tls");
	const char *what = NULL;

	if (tls && settings->transport != KAFKA_TLS)
		return config_error(tls, em, "tls without `transport: tls` would encrypt nothing");
	if (settings->tls.pins.n)
		what = "pins";
	else if (*settings->tls.server_name)
		what = "server_name";
	else if (settings->tls.min_version != TLS_VERSION_1_2)
		what = "min_version";
	if (what)
		return config_error(
			config_node_get(tls, what), em,
			"librdkafka, which speaks TLS for this output, has nothing like "
			"tls.%s: leave it out",
			what);
	return tls_settings_check(tls, &settings->tls, em);
}

static int check_sasl(const struct config_node *cfg, const struct kafka_settings *settings,
		      struct errmsg *em)
{
	const struct config_node *sasl = config_node_get(cfg, "sasl");
	bool has_token = settings->sasl.token || *settings->sasl.token_file;

	switch ((enum kafka_mechanism)settings->sasl.mechanism) {
	case KAFKA_SASL_NONE:
		return 0;
	case KAFKA_SASL_OAUTHBEARER:
		if (!has_token || (settings->sasl.token && *settings->sasl.token_file))
			return config_error(sasl, em,
					    "sasl.mechanism oauthbearer needs either token or "
					    "token_file");
		break;
	case KAFKA_SASL_PLAIN:
	case KAFKA_SASL_SCRAM_SHA_256:
	case KAFKA_SASL_SCRAM_SHA_512:
		if (*settings->sasl.user == '\0' || !settings->sasl.password)
			return config_error(sasl, em, "sasl.mechanism %s needs user and password",
					    mechanisms[settings->sasl.mechanism]);
		break;
	}
	if (settings->transport == KAFKA_TCP &&
	    settings->sasl.mechanism != KAFKA_SASL_SCRAM_SHA_256 &&
	    settings->sasl.mechanism != KAFKA_SASL_SCRAM_SHA_512)
		log_warn("output %s: without `transport: tls` sasl %s shows the secret to whoever "
			 "is on the way",
			 settings->common.name, mechanisms[settings->sasl.mechanism]);
	return 0;
}

int kafka_settings_check(const struct config_node *cfg, const struct output_settings *common,
			 struct errmsg *em)
{
	const struct kafka_settings *settings = (const struct kafka_settings *)common;
	const struct kafka_limits limits = { 0 };
	rd_kafka_conf_t *conf;
	int err;

	if (settings->brokers.n == 0)
		return config_error(cfg, em,
				    "brokers is required: it needs at least one HOST:PORT");
	err = check_headers(cfg, &settings->headers, em);
	if (!err)
		err = check_topics(cfg, settings, em);
	if (!err)
		err = check_templates(cfg, settings, em);
	if (!err)
		err = check_tls(cfg, settings, em);
	if (!err)
		err = check_sasl(cfg, settings, em);
	if (!err)
		err = kafka_conf_create(settings, &limits, &conf, em);
	if (!err)
		rd_kafka_conf_destroy(conf);
	return err;
}

void kafka_settings_paths(const struct output_settings *common, output_path_fn visit, void *ctx)
{
	const struct kafka_settings *settings = (const struct kafka_settings *)common;

	if (settings->transport == KAFKA_TLS)
		tls_settings_paths(&settings->tls, visit, ctx);
	if (*settings->sasl.token_file)
		visit(ctx, settings->sasl.token_file, false);
}
