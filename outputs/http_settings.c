#include "outputs/http_settings.h"

#include "base/clock.h"
#include "base/secret.h"
#include "outputs/http_profile.h"

#include <curl/curl.h>

#define HEADER_NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
/* Most names that are told apart in a message. */
#define PROFILES 16

static const char *const compression_choices[] = { "none", "gzip", "zstd", NULL };
static const char *const version_choices[] = { "auto", "1.1", "2", NULL };
static const char *const body_choices[] = { "lines", "array", NULL };

#define AT(field) offsetof(struct http_settings, field)

static const struct config_item tls_items[] = {
	TLS_ITEMS(struct http_settings, tls),
	CONFIG_END,
};

static const struct config_item generic_items[] = {
	{ .name = "body",
	  .type = CONFIG_ENUM,
	  .offset = AT(generic.body),
	  .value = "lines",
	  .choices = body_choices,
	  .help = "lines: each event on a line. array: one JSON array." },
	{ .name = "content_type",
	  .type = CONFIG_STRING,
	  .offset = AT(generic.content_type),
	  .value = "",
	  .help = "Empty: that of the format, or application/json for an array." },
	{ .name = "signature_header",
	  .type = CONFIG_STRING,
	  .offset = AT(generic.signature_header),
	  .value = "",
	  .help = "Name of a header that gets `sha256=` and the HMAC-SHA-256 of the body as it is "
		  "sent, in hexadecimal digits; empty: none." },
	{ .name = "signature_key",
	  .type = CONFIG_SECRET,
	  .offset = AT(generic.signature_key),
	  .optional = true,
	  .help = "Key of the signature." },
	CONFIG_END,
};

static const struct config_item splunk_items[] = {
	{ .name = "index",
	  .type = CONFIG_STRING,
	  .offset = AT(splunk.index),
	  .value = "",
	  .help = "Empty: the token's." },
	{ .name = "source",
	  .type = CONFIG_STRING,
	  .offset = AT(splunk.source),
	  .value = "weir",
	  .help = "Empty: the token's." },
	{ .name = "sourcetype",
	  .type = CONFIG_STRING,
	  .offset = AT(splunk.sourcetype),
	  .value = "tetragon:json",
	  .help = "Empty: the token's." },
	{ .name = "channel",
	  .type = CONFIG_STRING,
	  .offset = AT(splunk.channel),
	  .value = "",
	  .help = "A GUID; empty: a new one with each start of the output." },
	{ .name = "ack",
	  .type = CONFIG_BOOL,
	  .offset = AT(splunk.ack),
	  .value = "false",
	  .help = "An event counts as delivered when an indexer has acknowledged it; the token must "
		  "have indexer acknowledgement enabled." },
	{ .name = "ack_interval",
	  .type = CONFIG_DURATION,
	  .offset = AT(splunk.ack_interval_ns),
	  .value = "2s",
	  .min = 10 * NSEC_PER_MSEC,
	  .max = 60 * NSEC_PER_SEC,
	  .help = "How often acknowledgements are asked for." },
	{ .name = "ack_timeout",
	  .type = CONFIG_DURATION,
	  .offset = AT(splunk.ack_timeout_ns),
	  .value = "5m",
	  .min = 100 * NSEC_PER_MSEC,
	  .max = 1800 * NSEC_PER_SEC,
	  .help = "What is not acknowledged by then is sent again." },
	CONFIG_END,
};

static const struct config_item elasticsearch_items[] = {
	{ .name = "index",
	  .type = CONFIG_STRING,
	  .offset = AT(elasticsearch.index),
	  .value = "logs-weir-default",
	  .help = "Index or data stream; may name {kind}, {date} (2026.11.30), {node}, {output}, "
		  "{boot}, in whose values capital letters become small ones and what an index "
		  "can't hold becomes _. Empty: none is named, for receivers that have none or a URL that names it." },
	{ .name = "timestamp_field",
	  .type = CONFIG_STRING,
	  .offset = AT(elasticsearch.timestamp_field),
	  .value = "'@timestamp'",
	  .help = "Put in front of each event when the format is json; empty: not." },
	{ .name = "pipeline",
	  .type = CONFIG_STRING,
	  .offset = AT(elasticsearch.pipeline),
	  .value = "",
	  .help = "Ingest pipeline; empty: the index's own." },
	CONFIG_END,
};

static const struct config_item loki_items[] = {
	{ .name = "labels",
	  .type = CONFIG_LIST,
	  .offset = AT(loki.labels),
	  .optional = true,
	  .help = "Labels of the stream, each as NAME=VALUE; a value may name {node}, {output}, "
		  "{boot}, {date}. Not given: job=weir and host={node}. Few: each combination is a stream. Kind "
		  "and id of each event are structured metadata." },
	{ .name = "tenant",
	  .type = CONFIG_STRING,
	  .offset = AT(loki.tenant),
	  .value = "",
	  .help = "X-Scope-OrgID; empty: none." },
	CONFIG_END,
};

static const struct config_item otlp_items[] = {
	{ .name = "service_name",
	  .type = CONFIG_STRING,
	  .offset = AT(otlp.service_name),
	  .value = "weir",
	  .help = "The resource's service.name." },
	CONFIG_END,
};

static const struct config_item datadog_items[] = {
	{ .name = "service",
	  .type = CONFIG_STRING,
	  .offset = AT(datadog.service),
	  .value = "weir",
	  .help = "service of each event." },
	{ .name = "source",
	  .type = CONFIG_STRING,
	  .offset = AT(datadog.source),
	  .value = "tetragon",
	  .help = "ddsource of each event." },
	{ .name = "tags",
	  .type = CONFIG_LIST,
	  .offset = AT(datadog.tags),
	  .optional = true,
	  .help = "ddtags of each event, as NAME:VALUE." },
	CONFIG_END,
};

static const struct config_item azure_items[] = {
	{ .name = "rule",
	  .type = CONFIG_STRING,
	  .offset = AT(azure.rule),
	  .value = "",
	  .help = "Immutable id of the data collection rule (dcr-...)." },
	{ .name = "stream",
	  .type = CONFIG_STRING,
	  .offset = AT(azure.stream),
	  .value = "",
	  .help = "Name of the rule's stream (Custom-...)." },
	CONFIG_END,
};

#define PROFILE_MAP(name_)                                                                    \
	{                                                                                     \
		.name = #name_, .type = CONFIG_MAP, .optional = true, .items = name_##_items, \
		.help = "For profile " #name_ "."                                             \
	}

/* clang-format off */
const struct config_item http_items[] = {
	{ .name = "url",
	  .type = CONFIG_STRING,
	  .offset = AT(url),
	  .help = "Where the receiver is: http:// or https://, host and port, and in front of the "
		  "profile's own path whatever a gateway wants. May name {node}, {output}, {boot}, "
		  "{date}." },
	{ .name = "profile",
	  .type = CONFIG_STRING,
	  .offset = AT(profile),
	  .value = "generic",
	  .help = "What the receiver is: generic, splunk, elasticsearch, loki, otlp, datadog, "
		  "azure." },
	{ .name = "token",
	  .type = CONFIG_SECRET,
	  .offset = AT(token),
	  .optional = true,
	  .help = "Token or API key, sent as the profile's receiver wants it." },
	{ .name = "token_header",
	  .type = CONFIG_STRING,
	  .offset = AT(token_header),
	  .value = "",
	  .help = "Name of a header that gets the token as it is, instead of the profile's." },
	{ .name = "user",
	  .type = CONFIG_STRING,
	  .offset = AT(user),
	  .value = "",
	  .help = "User for Basic authentication; empty: none." },
	{ .name = "password",
	  .type = CONFIG_SECRET,
	  .offset = AT(password),
	  .optional = true,
	  .help = "Its password." },
	{ .name = "headers",
	  .type = CONFIG_LIST,
	  .offset = AT(headers),
	  .optional = true,
	  .help = "More headers, each as `Name: value`; may name {node}, {output}, {boot}, {date}. "
		  "Not for secrets." },
	{ .name = "compression",
	  .type = CONFIG_ENUM,
	  .offset = AT(compression),
	  .value = "none",
	  .choices = compression_choices,
	  .help = "Of the body. zstd is five times smaller for little CPU; gzip costs four times as "
		  "much and is understood by everyone." },
	{ .name = "http_version",
	  .type = CONFIG_ENUM,
	  .offset = AT(version),
	  .value = "auto",
	  .choices = version_choices,
	  .help = "auto: 2 where the peer offers it over TLS, else 1.1. 2: also without TLS, to a "
		  "peer that is known to speak it." },
	{ .name = "concurrency",
	  .type = CONFIG_INTEGER,
	  .offset = AT(concurrency),
	  .value = "1",
	  .min = 1,
	  .max = 32,
	  .unit = "requests",
	  .help = "Most requests in the air at once. The number grows from one as answers come, and "
		  "shrinks when they come late or the peer says that it has too much. With more "
		  "than one, events can arrive in another order." },
	{ .name = "connect_timeout",
	  .type = CONFIG_DURATION,
	  .offset = AT(connect_timeout_ns),
	  .value = "10s",
	  .min = 10 * NSEC_PER_MSEC,
	  .max = 600 * NSEC_PER_SEC,
	  .help = "Looking up the name, connecting and the TLS handshake together." },
	{ .name = "timeout",
	  .type = CONFIG_DURATION,
	  .offset = AT(timeout_ns),
	  .value = "60s",
	  .min = 100 * NSEC_PER_MSEC,
	  .max = 600 * NSEC_PER_SEC,
	  .help = "A request that is not answered by then is sent again." },
	{ .name = "proxy",
	  .type = CONFIG_STRING,
	  .offset = AT(proxy),
	  .value = "",
	  .help = "http://HOST:PORT of an HTTP proxy; empty: none, whatever the environment says." },
	{ .name = "proxy_user",
	  .type = CONFIG_STRING,
	  .offset = AT(proxy_user),
	  .value = "",
	  .help = "User at the proxy (Basic)." },
	{ .name = "proxy_password",
	  .type = CONFIG_SECRET,
	  .offset = AT(proxy_password),
	  .optional = true,
	  .help = "Password at the proxy." },
	{ .name = "tls", .type = CONFIG_MAP, .optional = true, .items = tls_items,
	  .help = TLS_HELP },
	PROFILE_MAP(generic),
	PROFILE_MAP(splunk),
	PROFILE_MAP(elasticsearch),
	PROFILE_MAP(loki),
	PROFILE_MAP(otlp),
	PROFILE_MAP(datadog),
	PROFILE_MAP(azure),
	CONFIG_END,
};
/* clang-format on */

bool http_settings_is_tls(const struct http_settings *settings)
{
	return strncasecmp(settings->url, "https://", 8) == 0;
}

struct str http_settings_peer(const struct http_settings *settings)
{
	const char *host = strstr(settings->url, "://");
	size_t scheme = host ? (size_t)(host - settings->url) + 3 : 0;

	return (struct str){ settings->url, scheme + strcspn(settings->url + scheme, "/?#") };
}

const struct http_profile *http_settings_profile(const struct http_settings *settings)
{
	return http_profile_by_name(settings->profile);
}

static int check_profile(const struct config_node *cfg, const struct http_settings *set,
			 struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "profile");
	const char *names[PROFILES], *near;
	size_t i;

	for (i = 0; http_profiles[i] && i < PROFILES; i++) {
		names[i] = http_profiles[i]->name;
		if (strcmp(names[i], set->profile) != 0 && config_node_get(cfg, names[i]))
			return config_error(config_node_get(cfg, names[i]), em,
					    "%s is for `profile: %s`, this is %s", names[i],
					    names[i], set->profile);
	}
	if (http_settings_profile(set))
		return 0;
	near = config_nearest(str_of(set->profile), names, i);
	return config_error(node, em, "unknown profile \"%.80s\"%s%s%s", set->profile,
			    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

static const char *url_fault(const char *text)
{
	CURLU *url = curl_url();
	const char *fault = NULL;

	if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
		fault = "it can't be read as a URL";
	else if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		fault = "it must begin with http:// or https://";
	else if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
		fault = "it names a user: write that into user and password";
	else if (has_part(url, CURLUPART_FRAGMENT))
		fault = "it has a fragment (#)";
	curl_url_cleanup(url);
	return fault;
}

/* The text itself is not repeated: a password may stand in it. */
static int check_url(const struct config_node *cfg, const char *key, const char *text,
		     struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, key);
	const char *fault = NULL, *p;

	for (p = text; *p && !fault; p++)
		if (*p <= ' ' || *p >= 0x7f)
			fault = "it has a character that is not printable ASCII";
	if (!fault)
		fault = url_fault(text);
	return fault ? config_error(node, em, "%s is wrong: %s", key, fault) : 0;
}

/* A template in the host would have to be known at start, for the certificate. */
static int check_url_host(const struct config_node *cfg, const struct http_settings *set,
			  struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "url");
	struct str peer = http_settings_peer(set);

	if (memchr(peer.p, '{', peer.n))
		return config_error(node, em, "url is wrong: the host can't be a template");
	return 0;
}

static int check_header(const struct config_node *node, const char *line, struct errmsg *em)
{
	static const char *const ours[] = { "content-length", "transfer-encoding",
					    "content-type",   "content-encoding",
					    "host",	      "expect",
					    "connection" };
	size_t n = strspn(line, HEADER_NAME), i;

	if (n == 0 || line[n] != ':' || strpbrk(line, "\r\n"))
		return config_error(node, em, "a header is written `Name: value`, on one line");
	for (i = 0; i < ARRAY_SIZE(ours); i++)
		if (strlen(ours[i]) == n && strncasecmp(line, ours[i], n) == 0)
			return config_error(node, em, "%s is set by weir itself", ours[i]);
	return 0;
}

static int check_headers(const struct config_node *cfg, const struct http_settings *set,
			 struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "headers");
	size_t i;
	int err = 0;

	for (i = 0; !err && i < set->headers.n; i++)
		err = check_header(config_node_at(node, i), set->headers.v[i], em);
	if (!err && set->token_header[strspn(set->token_header, HEADER_NAME)])
		err = config_error(config_node_get(cfg, "token_header"), em,
				   "token_header must be the name of a header");
	return err;
}

static bool is_one_line(const struct secret *secret)
{
	struct str bytes = secret ? secret_reveal(secret) : (struct str){ "", 0 };

	return !memchr(bytes.p, '\n', bytes.n) && !memchr(bytes.p, '\r', bytes.n) &&
	       !memchr(bytes.p, '\0', bytes.n);
}

static int check_identity(const struct config_node *cfg, const struct http_settings *set,
			  struct errmsg *em)
{
	static const char control[] = "it holds more than one line";

	if (!is_one_line(set->token))
		return config_error(config_node_get(cfg, "token"), em, "token: %s", control);
	if (!is_one_line(set->password))
		return config_error(config_node_get(cfg, "password"), em, "password: %s", control);
	if (set->password && !*set->user)
		return config_error(config_node_get(cfg, "password"), em,
				    "a password without a user");
	if (set->token && *set->user && !*set->token_header)
		return config_error(config_node_get(cfg, "token"), em,
				    "token and user both want to be the Authorization; give one, "
				    "or a token_header");
	return 0;
}

static int check_limits(const struct config_node *cfg, const struct http_settings *set,
			struct errmsg *em)
{
	const struct http_profile *profile = http_settings_profile(set);
	const struct config_node *batch = config_node_get(cfg, "batch");
	const struct config_node *node = batch ? batch : cfg; /* the default may be too much */
	const struct format *format = set->common.format;

	if (profile->max_batch_events && set->common.batch.max_events > profile->max_batch_events)
		return config_error(node, em,
				    "profile %s takes at most %llu events at once: set "
				    "batch.max_events",
				    profile->name, (unsigned long long)profile->max_batch_events);
	if (profile->max_batch_bytes && set->common.batch.max_bytes > profile->max_batch_bytes)
		return config_error(node, em,
				    "profile %s takes at most %llu bytes at once: set "
				    "batch.max_bytes to no more than that, and less where its own "
				    "fields are large",
				    profile->name, (unsigned long long)profile->max_batch_bytes);
	if (format->is_binary)
		return config_error(config_node_get(cfg, "format"), em,
				    "format %s is binary: neither lines nor JSON can carry it",
				    format->name);
	if (profile->needs_json && !strstr(format->content_type, "json"))
		return config_error(config_node_get(cfg, "format"), em,
				    "profile %s needs a JSON format, %s is none", profile->name,
				    format->name);
	return 0;
}

static int check_tls(const struct config_node *cfg, const struct http_settings *set,
		     struct errmsg *em)
{
	const struct config_node *tls = config_node_get(cfg, "tls");

	if (tls && !http_settings_is_tls(set))
		return config_error(tls, em, "tls is given, but url begins with http://");
	if (*set->tls.server_name)
		return config_error(config_node_get(tls, "server_name"), em,
				    "for type http the name stands in url: tls.server_name can't "
				    "be another");
	return tls_settings_check(tls, &set->tls, em);
}

static int check_proxy(const struct config_node *cfg, const struct http_settings *set,
		       struct errmsg *em)
{
	if (*set->proxy && strncasecmp(set->proxy, "http://", 7) != 0)
		return config_error(config_node_get(cfg, "proxy"), em,
				    "proxy is written http://HOST:PORT");
	return *set->proxy ? check_url(cfg, "proxy", set->proxy, em) : 0;
}

int http_settings_check(const struct config_node *cfg, const struct output_settings *settings,
			struct errmsg *em)
{
	const struct http_settings *set = (const struct http_settings *)settings;
	int err = check_profile(cfg, set, em);

	if (!err)
		err = check_url(cfg, "url", set->url, em);
	if (!err)
		err = check_url_host(cfg, set, em);
	if (!err)
		err = check_headers(cfg, set, em);
	if (!err)
		err = http_templates_check(cfg, set, em);
	if (!err)
		err = check_identity(cfg, set, em);
	if (!err)
		err = check_tls(cfg, set, em);
	if (!err)
		err = check_proxy(cfg, set, em);
	if (!err)
		err = check_limits(cfg, set, em);
	if (!err && http_settings_profile(set)->check)
		err = http_settings_profile(set)->check(cfg, set, em);
	return err;
}

void http_settings_paths(const struct output_settings *settings, output_path_fn visit, void *ctx)
{
	tls_settings_paths(&((const struct http_settings *)settings)->tls, visit, ctx);
}
