#include "outputs/syslog_settings.h"

#include <errno.h>

static const char *const transport_choices[] = {
	"tcp", "tls", "udp", "relp", "relp_tls", "unix", "unix_datagram", NULL,
};
static const char *const framing_choices[] = { "auto", "octet_counting", "lf", NULL };
static const char *const standard_choices[] = { "rfc5424", "rfc3164", NULL };
static const char *const oversize_choices[] = { "refuse", "truncate", NULL };

/* RFC 5424, section 6.2.1, in the names of syslog.conf. */
static const char *const facilities[] = {
	"kern",	  "user",   "mail",	"daemon", "auth",   "syslog", "lpr",	"news",
	"uucp",	  "cron",   "authpriv", "ftp",	  "ntp",    "audit",  "alert",	"clock",
	"local0", "local1", "local2",	"local3", "local4", "local5", "local6", "local7",
};
static const char *const severities[] = {
	"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
};
enum { SEVERITY_WARNING = 4, SEVERITY_NOTICE = 5, SEVERITY_INFO = 6, FACILITY_LOCAL0 = 16 };

#define AT(field) offsetof(struct syslog_settings, field)

static const struct config_item syslog_tls_items[] = {
	TLS_ITEMS(struct syslog_settings, tls),
	CONFIG_END,
};

const struct config_item syslog_items[] = {
	{ .name = "address",
	  .type = CONFIG_STRING,
	  .offset = AT(address),
	  .help = "HOST or HOST:PORT; without a port, 514 (tcp, udp), 6514 (tls) or 2514 (relp). "
		  "For unix and unix_datagram the path of the socket." },
	{ .name = "transport",
	  .type = CONFIG_ENUM,
	  .offset = AT(transport),
	  .value = "tcp",
	  .choices = transport_choices,
	  .help = "Only relp and relp_tls have the receiver confirm each event. tcp, tls and unix "
		  "know what the peer's kernel has, udp knows nothing." },
	{ .name = "framing",
	  .type = CONFIG_ENUM,
	  .offset = AT(framing),
	  .value = "auto",
	  .choices = framing_choices,
	  .help = "How messages are told apart on tcp, tls and unix (RFC 6587). auto: octet "
		  "counting, on a Unix socket a line feed. With lf, an event that holds one is "
		  "refused." },
	{ .name = "standard",
	  .type = CONFIG_ENUM,
	  .offset = AT(standard),
	  .value = "rfc5424",
	  .choices = standard_choices,
	  .help = "rfc3164 is for old receivers: without structured data, with seconds in local "
		  "time." },
	{ .name = "app_name",
	  .type = CONFIG_STRING,
	  .offset = AT(app_name),
	  .value = "weir",
	  .help = "APP-NAME, or the tag of RFC 3164: at most 48 (32) printable characters." },
	{ .name = "hostname",
	  .type = CONFIG_STRING,
	  .offset = AT(hostname),
	  .value = "",
	  .help = "HOSTNAME: at most 255 printable characters; empty: this host's name." },
	{ .name = "procid",
	  .type = CONFIG_STRING,
	  .offset = AT(procid),
	  .value = "",
	  .help = "PROCID: at most 128 printable characters; empty: none." },
	{ .name = "sd_id",
	  .type = CONFIG_STRING,
	  .offset = AT(sd_id),
	  .value = "weir@32473",
	  .help = "SD-ID under which id, seq, kind and time_ns of the event stand: NAME@NUMBER with "
		  "an enterprise number of your own, if you have one. Empty: no structured data." },
	{ .name = "priorities",
	  .type = CONFIG_LIST,
	  .offset = AT(priorities),
	  .optional = true,
	  .help = "KIND=FACILITY.SEVERITY, KIND=SEVERITY or *=FACILITY, later ones over earlier "
		  "ones, as in [\"*=authpriv\", process_exec=notice]. When not given: local0; "
		  "weir_loss warning, the other weir_ kinds notice, all the rest info." },
	{ .name = "bom",
	  .type = CONFIG_BOOL,
	  .offset = AT(bom),
	  .value = "false",
	  .help = "Whether a message that is UTF-8 begins with a byte order mark, as RFC 5424 has "
		  "it; many readers of JSON stumble over it." },
	{ .name = "max_message_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(max_message_bytes),
	  .value = "8KiB",
	  .min = 480,
	  .max = 16ull << 20,
	  .help = "Longest message, header included. Some receivers take what is beyond their own "
		  "limit for the next message: set both alike (rsyslog: maxMessageSize, "
		  "syslog-ng: log-msg-size)." },
	{ .name = "oversize",
	  .type = CONFIG_ENUM,
	  .offset = AT(oversize),
	  .value = "refuse",
	  .choices = oversize_choices,
	  .help = "What becomes of a longer one: refuse (to the dead letters) or truncate, between "
		  "two characters." },
	{ .name = "grace",
	  .type = CONFIG_DURATION,
	  .offset = AT(grace_ns),
	  .value = "50ms",
	  .max = 60 * NSEC_PER_SEC,
	  .help = "Except for relp: an event counts as delivered when the connection has lived on "
		  "for so long after the peer's kernel had it (a Unix peer: had read it); if it "
		  "ends before, it goes out again. At most 16 batches wait." },
	{ .name = "relp_window",
	  .type = CONFIG_INTEGER,
	  .offset = AT(relp_window),
	  .value = "1000",
	  .min = 1,
	  .max = 100000,
	  .unit = "messages",
	  .help = "relp: so many messages at most are on their way unconfirmed." },
	STREAM_ITEMS(struct syslog_settings, stream),
	{ .name = "tls",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = syslog_tls_items,
	  .help = TLS_HELP },
	CONFIG_END,
};

/* PRINTUSASCII without the characters in `forbidden`. */
static bool is_printable(const char *text, size_t max, const char *forbidden)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr(forbidden, text[i]))
			return false;
	return i <= max;
}

bool syslog_is_tls(const struct syslog_settings *settings)
{
	return settings->transport == SYSLOG_TLS || settings->transport == SYSLOG_RELP_TLS;
}

static bool is_unix(const struct syslog_settings *settings)
{
	return settings->transport == SYSLOG_UNIX_STREAM ||
	       settings->transport == SYSLOG_UNIX_DATAGRAM;
}

static bool is_stream(const struct syslog_settings *settings)
{
	return settings->transport == SYSLOG_TCP || settings->transport == SYSLOG_TLS ||
	       settings->transport == SYSLOG_UNIX_STREAM;
}

enum syslog_framing syslog_framing_of(const struct syslog_settings *settings)
{
	if (!is_stream(settings))
		return SYSLOG_OCTET_COUNTING;
	if (settings->framing != SYSLOG_FRAMING_AUTO)
		return settings->framing;
	return settings->transport == SYSLOG_UNIX_STREAM ? SYSLOG_LF : SYSLOG_OCTET_COUNTING;
}

static uint16_t usual_port(const struct syslog_settings *settings)
{
	switch ((enum syslog_transport)settings->transport) {
	case SYSLOG_TLS:
		return 6514; /* RFC 5425 */
	case SYSLOG_RELP:
	case SYSLOG_RELP_TLS:
		return 2514; /* no number is assigned; what rsyslog's manual uses */
	case SYSLOG_TCP:
	case SYSLOG_UDP:
	case SYSLOG_UNIX_STREAM:
	case SYSLOG_UNIX_DATAGRAM:
		break;
	}
	return 514;
}

int syslog_endpoint(const struct syslog_settings *settings, struct endpoint *endpoint_r,
		    struct errmsg *em)
{
	if ((settings->address[0] == '/') == is_unix(settings))
		return endpoint_parse(settings->address, usual_port(settings), endpoint_r, em);
	errmsg_set(em, "transport %s needs %s, not \"%.200s\"",
		   transport_choices[settings->transport],
		   is_unix(settings) ? "the absolute path of a socket" : "HOST:PORT",
		   settings->address);
	return -EINVAL;
}

static int find(const char *const *names, size_t n, struct str name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_equal(name, str_of(names[i])))
			return i;
	return -1;
}

/* FACILITY.SEVERITY, or either alone. */
static bool parse_priority(const char *text, int *facility_r, int *severity_r)
{
	const char *dot = strchr(text, '.');
	struct str first = { text, dot ? (size_t)(dot - text) : strlen(text) };

	*facility_r = find(facilities, ARRAY_SIZE(facilities), first);
	*severity_r = find(severities, ARRAY_SIZE(severities), dot ? str_of(dot + 1) : first);
	return dot ? *facility_r >= 0 && *severity_r >= 0 : *facility_r >= 0 || *severity_r >= 0;
}

static int apply_priority(const char *text, unsigned char pri[EVENT_KINDS], struct errmsg *em)
{
	const char *equals = strchr(text, '=');
	struct str name = { text, equals ? (size_t)(equals - text) : 0 };
	enum event_kind kind = event_kind_by_name(name);
	bool is_all = str_equal(name, STR("*"));
	int facility, severity, i;

	if (!equals) {
		errmsg_set(em,
			   "priorities: \"%.100s\" is not KIND=FACILITY.SEVERITY (as in "
			   "process_exec=local0.notice; * is every kind)",
			   text);
		return -EINVAL;
	}
	if (!is_all && kind == KIND_NONE) {
		errmsg_set(em, "priorities: \"%.*s\" is no kind of event; * is every kind",
			   (int)(name.n < 100 ? name.n : 100), name.p);
		return -EINVAL;
	}
	if (!parse_priority(equals + 1, &facility, &severity)) {
		errmsg_set(
			em,
			"priorities: \"%.100s\" is no priority: write FACILITY.SEVERITY or either "
			"alone, as in local0.notice, authpriv, alert",
			equals + 1);
		return -EINVAL;
	}
	for (i = 0; i < EVENT_KINDS; i++) {
		if (!is_all && i != (int)kind)
			continue;
		pri[i] = (facility >= 0 ? facility : pri[i] / 8) * 8 +
			 (severity >= 0 ? severity : pri[i] % 8);
	}
	return 0;
}

static int usual_severity(enum event_kind kind)
{
	if (kind == KIND_WEIR_LOSS)
		return SEVERITY_WARNING;
	if (kind != KIND_NONE && str_starts_with(str_of(event_kind_name(kind)), STR("weir_")))
		return SEVERITY_NOTICE;
	return SEVERITY_INFO;
}

int syslog_priorities(const struct syslog_settings *settings, unsigned char pri_r[EVENT_KINDS],
		      struct errmsg *em)
{
	size_t i;
	int err = 0;

	for (i = 0; i < EVENT_KINDS; i++)
		pri_r[i] = FACILITY_LOCAL0 * 8 + usual_severity(i);
	for (i = 0; !err && i < settings->priorities.n; i++)
		err = apply_priority(settings->priorities.v[i], pri_r, em);
	return err;
}

static int check_header(const struct config_node *cfg, const struct syslog_settings *set,
			struct errmsg *em)
{
	bool old = set->standard == SYSLOG_RFC3164;

	/* A tag ends at the first of these. */
	if (!set->app_name[0] || !is_printable(set->app_name, old ? 32 : 48, old ? ":[]" : ""))
		return config_error(config_node_get(cfg, "app_name"), em,
				    "app_name is 1 to %d printable ASCII characters without %s",
				    old ? 32 : 48, old ? "space, colon and brackets" : "space");
	if (!is_printable(set->hostname, 255, ""))
		return config_error(config_node_get(cfg, "hostname"), em,
				    "hostname is at most 255 printable ASCII characters without "
				    "space");
	if (!is_printable(set->procid, 128, old ? ":[]" : ""))
		return config_error(config_node_get(cfg, "procid"), em,
				    "procid is at most 128 printable ASCII characters without %s",
				    old ? "space, colon and brackets" : "space");
	if (!is_printable(set->sd_id, 32, "=]\"") || (set->sd_id[0] && !strchr(set->sd_id, '@')))
		return config_error(config_node_get(cfg, "sd_id"), em,
				    "sd_id is NAME@NUMBER: at most 32 printable ASCII characters "
				    "without space, '=', ']' and '\"'");
	return 0;
}

static int check_transport(const struct config_node *cfg, const struct syslog_settings *set,
			   struct errmsg *em)
{
	struct endpoint endpoint;
	struct errmsg why;

	if (syslog_endpoint(set, &endpoint, &why) != 0)
		return config_error(config_node_get(cfg, "address"), em, "address: %s", why.text);
	if (set->framing != SYSLOG_FRAMING_AUTO && !is_stream(set))
		return config_error(config_node_get(cfg, "framing"), em,
				    "framing has no meaning with transport %s",
				    transport_choices[set->transport]);
	if (config_node_get(cfg, "tls") && !syslog_is_tls(set))
		return config_error(config_node_get(cfg, "tls"), em,
				    "tls needs transport tls or relp_tls");
	return 0;
}

int syslog_settings_check(const struct config_node *cfg, const struct output_settings *common,
			  struct errmsg *em)
{
	const struct syslog_settings *set = (const struct syslog_settings *)common;
	unsigned char pri[EVENT_KINDS];
	struct errmsg why;
	int err = check_transport(cfg, set, em);

	if (!err)
		err = check_header(cfg, set, em);
	if (!err && syslog_priorities(set, pri, &why) != 0)
		err = config_error(config_node_get(cfg, "priorities"), em, "%s", why.text);
	if (!err)
		err = stream_settings_check(cfg, &set->stream, em);
	if (!err)
		err = tls_settings_check(config_node_get(cfg, "tls"), &set->tls, em);
	return err;
}

void syslog_settings_paths(const struct output_settings *common, output_path_fn visit, void *ctx)
{
	const struct syslog_settings *set = (const struct syslog_settings *)common;

	if (syslog_is_tls(set))
		tls_settings_paths(&set->tls, visit, ctx);
}
