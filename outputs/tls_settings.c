#include "outputs/tls_settings.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

const char *const tls_version_choices[] = { "1.2", "1.3", NULL };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* With or without colons between the bytes, as `openssl x509 -fingerprint` writes them. */
static bool parse_hex(const char *text, struct tls_pin *pin)
{
	size_t i;

	for (i = 0; i < sizeof(pin->digest); i++) {
		int high, low;

		if (i && *text == ':')
			text++;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return false;
		pin->digest[i] = high << 4 | low;
		text += 2;
	}
	return *text == '\0';
}

static bool parse_base64(const char *text, struct tls_pin *pin)
{
	unsigned char bytes[36];

	/* 32 bytes are 43 digits and one filler. */
	if (strlen(text) != 44 || text[43] != '=' || text[42] == '=' ||
	    EVP_DecodeBlock(bytes, (const unsigned char *)text, 44) != 33)
		return false;
	memcpy(pin->digest, bytes, sizeof(pin->digest));
	pin->is_of_key = true;
	return true;
}

bool tls_pin_parse(const char *text, struct tls_pin *pin_r)
{
	*pin_r = (struct tls_pin){ 0 };
	if (strncmp(text, "sha256//", 8) == 0)
		return parse_base64(text + 8, pin_r);
	return strncmp(text, "sha256:", 7) == 0 && parse_hex(text + 7, pin_r);
}

static int check_pins(const struct config_node *tls, const struct tls_settings *settings,
		      struct errmsg *em)
{
	struct tls_pin pin;
	size_t i;

	for (i = 0; i < settings->pins.n; i++)
		if (!tls_pin_parse(settings->pins.v[i], &pin))
			return config_error(config_node_get(tls, "pins"), em,
					    "tls.pins: \"%.100s\" is not sha256: and 64 "
					    "hexadecimal digits, nor sha256// and base64",
					    settings->pins.v[i]);
	return 0;
}

static bool are_ciphers(const char *list)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool ok = ctx && SSL_CTX_set_cipher_list(ctx, list) == 1;

	SSL_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

int tls_settings_check(const struct config_node *tls, const struct tls_settings *settings,
		       struct errmsg *em)
{
	const struct {
		const char *key, *path;
	} files[] = { { "ca_file", settings->ca_file },
		      { "crl_file", settings->crl_file },
		      { "certificate", settings->certificate },
		      { "key", settings->key } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i].path[0] && files[i].path[0] != '/')
			return config_error(config_node_get(tls, files[i].key), em,
					    "tls.%s must be an absolute path", files[i].key);
	if (settings->key[0] && !settings->certificate[0])
		return config_error(config_node_get(tls, "key"), em,
				    "tls.key needs tls.certificate");
	if (!settings->verify && settings->crl_file[0])
		return config_error(config_node_get(tls, "crl_file"), em,
				    "tls.crl_file has no effect with tls.verify: false");
	if (settings->ciphers[0] && !are_ciphers(settings->ciphers))
		return config_error(config_node_get(tls, "ciphers"), em,
				    "tls.ciphers: \"%.200s\" names no cipher that OpenSSL knows",
				    settings->ciphers);
	return check_pins(tls, settings, em);
}

void tls_settings_paths(const struct tls_settings *settings, output_path_fn visit, void *ctx)
{
	const char *const paths[] = { settings->ca_file, settings->crl_file, settings->certificate,
				      settings->key };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i][0])
			visit(ctx, paths[i], false);
}
