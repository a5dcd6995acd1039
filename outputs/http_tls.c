#include "outputs/http_tls.h"

#include "outputs/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

struct http_tls {
	const struct tls_settings *settings;
	struct tls *tls;
	const char *host;
	bool has_failed;
	struct errmsg why, last;
};

int http_tls_create(const struct tls_settings *settings, const char *name, const char *host,
		    struct http_tls **tls_r, struct errmsg *em)
{
	struct http_tls *tls = calloc(1, sizeof(*tls));

	if (tls) {
		tls->settings = settings;
		tls->host = host;
		tls->tls = tls_create(settings, name);
	}
	if (!tls || !tls->tls) {
		free(tls);
		errmsg_set(em, "no memory for TLS");
		return -ENOMEM;
	}
	*tls_r = tls;
	return 0;
}

void http_tls_free(struct http_tls **tls)
{
	if (*tls)
		tls_free(&(*tls)->tls);
	free(*tls);
	*tls = NULL;
}

void http_tls_reload(struct http_tls *tls)
{
	tls_reload(tls->tls);
}

const char *http_tls_failure(struct http_tls *tls)
{
	if (!tls->has_failed)
		return NULL;
	tls->has_failed = false;
	tls->last = tls->why;
	return tls->last.text;
}

/* Called during the handshake, in the place of OpenSSL's own check, so that no byte of ours goes to
 * a peer that has not passed all of it. */
static int on_certificate(X509_STORE_CTX *chain, void *arg)
{
	struct http_tls *tls = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *certificate = X509_STORE_CTX_get0_cert(chain);

	if (tls->settings->verify && X509_verify_cert(chain) != 1) {
		int error = X509_STORE_CTX_get_error(chain);

		if (error == X509_V_OK) /* it failed without a verdict: no memory */
			X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
		tls_describe_certificate(ssl, certificate, error, &tls->why);
		tls->has_failed = true;
		return 0;
	}
	if (!tls_check_certificate(tls->tls, ssl, certificate, &tls->why)) {
		X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
		tls->has_failed = true;
		return 0;
	}
	X509_STORE_CTX_set_error(chain, X509_V_OK);
	return 1;
}

/* Our own certificate with its chain and key, as the model has them. */
static bool copy_own_certificate(SSL_CTX *ctx, SSL *model)
{
	X509 *certificate = SSL_get_certificate(model);
	STACK_OF(X509) *chain = NULL;

	if (!certificate)
		return true;
	SSL_CTX_get0_chain_certs(SSL_get_SSL_CTX(model), &chain);
	return SSL_CTX_use_certificate(ctx, certificate) == 1 &&
	       SSL_CTX_use_PrivateKey(ctx, SSL_get_privatekey(model)) == 1 &&
	       (!chain || SSL_CTX_set1_chain(ctx, chain) == 1);
}

static bool copy_context(struct http_tls *tls, SSL_CTX *ctx, SSL *model)
{
	SSL_CTX *from = SSL_get_SSL_CTX(model);

	SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(from));
	return SSL_CTX_set_min_proto_version(ctx, SSL_CTX_get_min_proto_version(from)) == 1 &&
	       SSL_CTX_set1_param(ctx, SSL_get0_param(model)) == 1 &&
	       (!*tls->settings->ciphers ||
		SSL_CTX_set_cipher_list(ctx, tls->settings->ciphers) == 1) &&
	       copy_own_certificate(ctx, model);
}

static CURLcode on_context(CURL *easy, void *ssl_ctx, void *arg)
{
	struct http_tls *tls = arg;
	SSL_CTX *ctx = ssl_ctx;
	SSL *model = tls_connection(tls->tls, tls->host, &tls->why);
	bool ok;

	if (!model) {
		tls->has_failed = true;
		return CURLE_SSL_CERTPROBLEM;
	}
	ok = copy_context(tls, ctx, model);
	tls_connection_free(&model);
	if (!ok) {
		ERR_clear_error();
		return CURLE_OUT_OF_MEMORY;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Asked for even where the chain is not verified: pins and the name are looked at then. */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_certificate, tls);
	return CURLE_OK;
}

int http_tls_apply(struct http_tls *tls, CURL *easy, struct errmsg *em)
{
	if (curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, tls) != CURLE_OK) {
		errmsg_set(em, "this libcurl is not built with OpenSSL");
		return -ENOTSUP;
	}
	/* libcurl looks once more after on_certificate(), with the same switches. */
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls->settings->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls->settings->verify_hostname ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	/* A session of before would spare the peer the checks that a reload has changed. */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return 0;
}
