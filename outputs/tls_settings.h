/* outputs/tls_settings.h: what a destination's configuration says about TLS. The struct is a member
 * of the destination's settings; its table is made by TLS_ITEMS, because offsets in a table count
 * from the start of the whole settings struct:
 *
 *	static const struct config_item kafka_tls_items[] = {
 *		TLS_ITEMS(struct kafka_settings, tls),
 *		CONFIG_END,
 *	};
 *	... in the destination's own table:
 *	{ .name = "tls", .type = CONFIG_MAP, .optional = true, .items = kafka_tls_items,
 *	  .help = TLS_HELP },
 *
 * Whether TLS is spoken at all is the destination's own key (transport: tls, an https URL).
 * Certificates and keys are read by the forwarder, as its ordinary user: they must be readable for
 * it. Who doesn't use OpenSSL through outputs/tls.h takes the paths and flags from here. */
#pragma once

#include "config/config.h"
#include "outputs/output.h"

#include <stdbool.h>

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

extern const char *const tls_version_choices[];

struct tls_settings {
	char *ca_file;	   /* PEM; "": the system's store */
	char *crl_file;	   /* PEM; "": revocation is not looked at */
	char *certificate; /* PEM, chain included; "": none */
	char *key;	   /* PEM; "": in the certificate's file */
	struct secret *key_password;
	bool verify, verify_hostname;
	char *server_name; /* SNI, and the name that is checked; "": the host that is connected to
			    */
	int min_version;   /* enum tls_version */
	char *ciphers;	   /* OpenSSL's list for TLS 1.2; "": the library's */
	struct config_strings pins; /* sha256:HEX or sha256//BASE64 */
};

#define TLS_HELP "Encryption and the peer's identity."

/* clang-format off */
#define TLS_ITEM(kind, key, type_, member_, ...) \
	{ .name = #key, .type = kind, .offset = offsetof(type_, member_.key), __VA_ARGS__ }

/* Items for a struct of type_ whose member_ is a struct tls_settings. */
#define TLS_ITEMS(type_, member_) \
	TLS_ITEM(CONFIG_STRING, ca_file, type_, member_, .value = "", \
		 .help = "PEM file of the authorities to trust; empty: the system's."), \
	TLS_ITEM(CONFIG_STRING, crl_file, type_, member_, .value = "", \
		 .help = "PEM file of revocation lists: a peer whose certificate is on one, or " \
			 "for whose authority there is no current one, is refused; empty: " \
			 "revocation is not looked at."), \
	TLS_ITEM(CONFIG_STRING, certificate, type_, member_, .value = "", \
		 .help = "PEM file of the certificate to show to the peer, its chain included. " \
			 "Files are read by the forwarder's user, and again when they change; " \
			 "when the new ones are bad the old ones stay in use."), \
	TLS_ITEM(CONFIG_STRING, key, type_, member_, .value = "", \
		 .help = "PEM file of its key; empty: in the certificate's file."), \
	TLS_ITEM(CONFIG_SECRET, key_password, type_, member_, .optional = true, \
		 .help = "Of an encrypted key."), \
	TLS_ITEM(CONFIG_BOOL, verify, type_, member_, .value = "true", \
		 .help = "Whether the peer's certificate must come from a trusted authority and be " \
			 "valid now. With false, only pins tell the peer from an impostor."), \
	TLS_ITEM(CONFIG_BOOL, verify_hostname, type_, member_, .value = "true", \
		 .help = "Whether the certificate must be for server_name."), \
	TLS_ITEM(CONFIG_STRING, server_name, type_, member_, .value = "", \
		 .help = "Name to ask for (SNI) and to find in the certificate; empty: the host " \
			 "that is connected to."), \
	TLS_ITEM(CONFIG_ENUM, min_version, type_, member_, .value = "1.2", \
		 .choices = tls_version_choices, .help = "Oldest version to speak."), \
	TLS_ITEM(CONFIG_STRING, ciphers, type_, member_, .value = "", \
		 .help = "Cipher list for TLS 1.2, in OpenSSL's notation; empty: OpenSSL's " \
			 "default."), \
	TLS_ITEM(CONFIG_LIST, pins, type_, member_, .optional = true, \
		 .help = "The peer's certificate must have one of these: sha256: and the " \
			 "fingerprint of the certificate or of its public key in hexadecimal " \
			 "digits, or sha256// and that of the key in base64.")
/* clang-format on */

struct tls_pin {
	unsigned char digest[32];
	bool is_of_key; /* of the key alone; else of either */
};

/* False: not written as it must be. */
WARN_UNUSED bool tls_pin_parse(const char *text, struct tls_pin *pin_r);
/* For output_type.check: what the table can't say. tls is the node of the mapping (NULL: absent).
 */
WARN_UNUSED int tls_settings_check(const struct config_node *tls,
				   const struct tls_settings *settings, struct errmsg *em);
/* For output_type.paths: the files, so that the sandbox lets them through. */
void tls_settings_paths(const struct tls_settings *settings, output_path_fn visit, void *ctx);
