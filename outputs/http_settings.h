/* outputs/http_settings.h: what the configuration says about an HTTP destination: what all
 * receivers have in common, and one part per profile (outputs/http_profile.h). Read by delivery
 * through the table of http_settings.c, borrowed by everything that has to do with one output. */
#pragma once

#include "outputs/output_settings.h"
#include "outputs/tls_settings.h"

struct http_profile;
struct secret;

enum http_compression { HTTP_COMPRESSION_NONE, HTTP_COMPRESSION_GZIP, HTTP_COMPRESSION_ZSTD };
enum http_version { HTTP_VERSION_AUTO, HTTP_VERSION_1_1, HTTP_VERSION_2 };
enum http_lines { HTTP_LINES, HTTP_ARRAY };

struct http_settings {
	struct output_settings common;
	char *url, *profile;
	int compression; /* enum http_compression */
	int version;	 /* enum http_version */
	uint64_t connect_timeout_ns, timeout_ns;
	uint64_t concurrency;
	struct secret *token;
	char *token_header;
	char *user;
	struct secret *password;
	struct config_strings headers;
	char *proxy, *proxy_user;
	struct secret *proxy_password;
	struct tls_settings tls;

	struct {
		int body; /* enum http_lines */
		char *content_type, *signature_header;
		struct secret *signature_key;
	} generic;
	struct {
		char *index, *source, *sourcetype, *channel;
		bool ack;
		uint64_t ack_interval_ns, ack_timeout_ns;
	} splunk;
	struct {
		char *index, *timestamp_field, *pipeline;
	} elasticsearch;
	struct {
		struct config_strings labels;
		char *tenant;
	} loki;
	struct {
		char *service_name;
	} otlp;
	struct {
		char *service, *source;
		struct config_strings tags;
	} datadog;
	struct {
		char *rule, *stream;
	} azure;
};

extern const struct config_item http_items[];
/* For output_type. */
WARN_UNUSED int http_settings_check(const struct config_node *cfg,
				    const struct output_settings *settings, struct errmsg *em);
void http_settings_paths(const struct output_settings *settings, output_path_fn visit, void *ctx);

bool http_settings_is_tls(const struct http_settings *settings);
/* What a message may say of url: scheme, host and port; neither a user nor a query stands in it. */
struct str http_settings_peer(const struct http_settings *settings);
const struct http_profile *http_settings_profile(const struct http_settings *settings);
