#include "outputs/tls.h"

#include "base/log.h"
#include "base/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/x509err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#define DIGEST_BYTES 32
/* More outputs than a configuration may have. */
#define KEPT_MAX 32

/* ca_file, crl_file, certificate, key */
#define TLS_FILES 4

/* What a file was when it was read. */
struct file_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct tls {
	const struct tls_settings *settings;
	const char *owner;
	SSL_CTX *ctx; /* NULL: none was good yet */
	struct file_stamp stamps[TLS_FILES];
	bool must_read;
	unsigned char identity[DIGEST_BYTES]; /* of the owner and what its context is made from */
};

/* A destination is closed when its connection is lost, and opened again to connect anew. The files
 * may have become bad meanwhile: until then what was good is here. */
static struct tls *kept[KEPT_MAX];

static bool identify(const struct tls_settings *set, const char *owner,
		     unsigned char identity_r[DIGEST_BYTES])
{
	const char *const texts[] = { owner,	set->ca_file, set->crl_file, set->certificate,
				      set->key, set->ciphers };
	const struct str password =
		set->key_password ? secret_reveal(set->key_password) : (struct str){ "", 0 };
	const int switches[] = { set->verify, set->min_version };
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool ok = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		ok = ok && EVP_DigestUpdate(digest, texts[i], strlen(texts[i]) + 1) == 1;
	ok = ok && EVP_DigestUpdate(digest, switches, sizeof(switches)) == 1 &&
	     EVP_DigestUpdate(digest, password.p, password.n) == 1 &&
	     EVP_DigestFinal_ex(digest, identity_r, NULL) == 1;
	EVP_MD_CTX_free(digest);
	ERR_clear_error();
	return ok;
}

static struct tls *take_kept(const unsigned char identity[DIGEST_BYTES])
{
	size_t i;

	for (i = 0; i < KEPT_MAX; i++) {
		struct tls *tls = kept[i];

		if (!tls || memcmp(tls->identity, identity, DIGEST_BYTES) != 0)
			continue;
		kept[i] = NULL;
		return tls;
	}
	return NULL;
}

/* False: it has nothing that is worth it, or there is no room. */
static bool keep(struct tls *tls)
{
	size_t i;

	tls->settings = NULL;
	tls->owner = NULL;
	for (i = 0; tls->ctx && i < KEPT_MAX; i++) {
		if (kept[i])
			continue;
		kept[i] = tls;
		return true;
	}
	return false;
}

struct tls *tls_create(const struct tls_settings *settings, const char *owner)
{
	unsigned char identity[DIGEST_BYTES];
	struct tls *tls;

	if (!identify(settings, owner, identity))
		return NULL;
	tls = take_kept(identity);
	if (!tls) {
		tls = calloc(1, sizeof(*tls));
		if (!tls)
			return NULL;
		tls->must_read = true;
		memcpy(tls->identity, identity, DIGEST_BYTES);
	}
	tls->settings = settings;
	tls->owner = owner;
	return tls;
}

void tls_free(struct tls **tls)
{
	if (*tls && !keep(*tls)) {
		SSL_CTX_free((*tls)->ctx);
		free(*tls);
	}
	*tls = NULL;
}

void tls_reload(struct tls *tls)
{
	tls->must_read = true;
}

static void read_stamps(const struct tls *tls, struct file_stamp stamps[TLS_FILES])
{
	const struct tls_settings *set = tls->settings;
	const char *const paths[TLS_FILES] = { set->ca_file, set->crl_file, set->certificate,
					       set->key };
	struct stat st;
	size_t i;

	memset(stamps, 0, TLS_FILES * sizeof(*stamps));
	for (i = 0; i < TLS_FILES; i++) {
		if (!paths[i][0] || stat(paths[i], &st) != 0)
			continue;
		stamps[i].device = st.st_dev;
		stamps[i].inode = st.st_ino;
		stamps[i].size = st.st_size;
		stamps[i].modified = st.st_mtim;
	}
}

/* OpenSSL's last words about a file, and the system's, which it hides among them. */
static int bad_file(struct errmsg *em, const char *what, const char *path)
{
	unsigned long error = ERR_peek_error(), last = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	else if (ERR_GET_REASON(last) == X509_R_KEY_VALUES_MISMATCH)
		reason = "it does not belong to the certificate";
	else if (ERR_GET_REASON(error) == ERR_R_UNSUPPORTED ||
		 ERR_GET_REASON(last) == PEM_R_NO_START_LINE)
		reason = "there is no such thing in the file (PEM is expected)";
	errmsg_set(em, "%s %s can't be used: %s%s", what, path,
		   reason ? reason : "OpenSSL does not say why",
		   ERR_SYSTEM_ERROR(error) && ERR_GET_REASON(error) == EACCES
			   ? " (the forwarder reads it as an ordinary user)"
			   : "");
	ERR_clear_error();
	return -EINVAL;
}

static int password(char *text, int size, int is_writing, void *arg)
{
	const struct secret *secret = arg;
	struct str bytes = secret ? secret_reveal(secret) : (struct str){ "", 0 };

	if (bytes.n > (size_t)size)
		return -1;
	memcpy(text, bytes.p, bytes.n);
	return bytes.n;
}

static int load_own_certificate(SSL_CTX *ctx, const struct tls_settings *set, struct errmsg *em)
{
	const char *key = set->key[0] ? set->key : set->certificate;

	if (!set->certificate[0])
		return 0;
	SSL_CTX_set_default_passwd_cb(ctx, password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, set->key_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, set->certificate) != 1)
		return bad_file(em, "certificate", set->certificate);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return bad_file(em, "key", key);
	return 0;
}

static int load_authorities(SSL_CTX *ctx, const struct tls_settings *set, struct errmsg *em)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup;

	if (!set->ca_file[0])
		SSL_CTX_set_default_verify_paths(ctx);
	else if (SSL_CTX_load_verify_file(ctx, set->ca_file) != 1)
		return bad_file(em, "ca_file", set->ca_file);
	if (!set->crl_file[0])
		return 0;
	lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (!lookup || X509_load_crl_file(lookup, set->crl_file, X509_FILETYPE_PEM) < 1)
		return bad_file(em, "crl_file", set->crl_file);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return 0;
}

/* Keeps the certificate that fails, to tell what it says: OpenSSL forgets it. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	if (!ok && certificate && !SSL_get_app_data(ssl) && X509_up_ref(certificate))
		SSL_set_app_data(ssl, certificate);
	return ok;
}

static int set_protocol(SSL_CTX *ctx, const struct tls_settings *set, struct errmsg *em)
{
	int version = set->min_version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, set->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_verify);
	if (set->ciphers[0] && SSL_CTX_set_cipher_list(ctx, set->ciphers) != 1) {
		ERR_clear_error();
		errmsg_set(em, "tls.ciphers: \"%.200s\" names no cipher that OpenSSL knows",
			   set->ciphers);
		return -EINVAL;
	}
	return 0;
}

static SSL_CTX *build(const struct tls_settings *set, struct errmsg *em)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int err;

	if (!ctx) {
		ERR_clear_error();
		errmsg_set(em, "no memory for TLS");
		return NULL;
	}
	ERR_clear_error();
	err = set_protocol(ctx, set, em);
	if (!err)
		err = load_authorities(ctx, set, em);
	if (!err)
		err = load_own_certificate(ctx, set, em);
	if (err) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* False: there is nothing to go on with. */
static bool refresh(struct tls *tls, struct errmsg *em)
{
	struct file_stamp stamps[TLS_FILES];
	SSL_CTX *ctx;

	read_stamps(tls, stamps);
	if (!tls->must_read && memcmp(stamps, tls->stamps, sizeof(stamps)) == 0)
		return tls->ctx;
	ctx = build(tls->settings, em);
	/* Bad files are looked at again when they change; without a context, every time. */
	memcpy(tls->stamps, stamps, sizeof(stamps));
	tls->must_read = !ctx && !tls->ctx;
	if (!ctx) {
		if (tls->ctx)
			log_error("output %s: the new TLS files are not used, the old ones stay: "
				  "%s",
				  tls->owner, em->text);
		return tls->ctx;
	}
	if (tls->ctx)
		log_info("output %s: TLS files read again", tls->owner);
	SSL_CTX_free(tls->ctx);
	tls->ctx = ctx;
	return true;
}

static bool is_address(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

#define HOST_FLAGS (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

/* The name stays with the connection, also where OpenSSL does not check it. */
static int set_names(SSL *ssl, const struct tls_settings *set, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	const char *name = set->server_name[0] ? set->server_name : host;
	bool address = is_address(name);

	/* SNI carries names only (RFC 6066, section 3). */
	if (!address && SSL_set_tlsext_host_name(ssl, name) != 1)
		return -ENOMEM;
	if (!set->verify_hostname)
		return 0;
	X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -ENOMEM;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 ? 0 : -ENOMEM;
}

SSL *tls_connection(struct tls *tls, const char *host, struct errmsg *em)
{
	SSL *ssl;

	if (!refresh(tls, em))
		return NULL;
	ssl = SSL_new(tls->ctx);
	if (!ssl || set_names(ssl, tls->settings, host) != 0) {
		SSL_free(ssl);
		ERR_clear_error();
		errmsg_set(em, "no memory for TLS");
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

void tls_connection_free(SSL **ssl)
{
	if (*ssl) {
		X509_free(SSL_get_app_data(*ssl));
		SSL_free(*ssl);
	}
	*ssl = NULL;
}

static bool is_named(SSL *ssl, X509 *certificate)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	char *address = X509_VERIFY_PARAM_get1_ip_asc(param);
	bool ok = address ? X509_check_ip_asc(certificate, address, 0) == 1
			  : host && X509_check_host(certificate, host, 0, HOST_FLAGS, NULL) == 1;

	OPENSSL_free(address);
	return ok;
}

static bool is_pinned(const struct tls_settings *set, const unsigned char of_certificate[32],
		      const unsigned char of_key[32])
{
	struct tls_pin pin;
	size_t i;

	for (i = 0; i < set->pins.n; i++) {
		if (!tls_pin_parse(set->pins.v[i], &pin))
			continue;
		if (memcmp(pin.digest, of_key, 32) == 0 ||
		    (!pin.is_of_key && memcmp(pin.digest, of_certificate, 32) == 0))
			return true;
	}
	return false;
}

static bool check_pins(const struct tls_settings *set, X509 *certificate, struct errmsg *em)
{
	unsigned char of_certificate[32], of_key[32], *der = NULL;
	char text[65];
	int i, n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	bool ok = n > 0 && EVP_Digest(der, n, of_key, NULL, EVP_sha256(), NULL) == 1 &&
		  X509_digest(certificate, EVP_sha256(), of_certificate, NULL) == 1;

	OPENSSL_free(der);
	if (!ok) {
		ERR_clear_error();
		errmsg_set(em, "the peer's certificate can't be read");
		return false;
	}
	if (is_pinned(set, of_certificate, of_key))
		return true;
	for (i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", of_certificate[i]);
	errmsg_set(em, "the peer's certificate is none of tls.pins; its own pin would be sha256:%s",
		   text);
	return false;
}

bool tls_check_certificate(const struct tls *tls, SSL *ssl, X509 *certificate, struct errmsg *em)
{
	const struct tls_settings *set = tls->settings;

	if (!certificate) {
		errmsg_set(em, "the peer has shown no certificate");
		return !set->verify && !set->verify_hostname && set->pins.n == 0;
	}
	if (!set->verify && set->verify_hostname && !is_named(ssl, certificate)) {
		tls_describe_certificate(ssl, certificate, X509_V_ERR_HOSTNAME_MISMATCH, em);
		return false;
	}
	return set->pins.n == 0 || check_pins(set, certificate, em);
}

bool tls_check_peer(const struct tls *tls, SSL *ssl, struct errmsg *em)
{
	return tls_check_certificate(tls, ssl, SSL_get0_peer_certificate(ssl), em);
}
