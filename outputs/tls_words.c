/* outputs/tls_words.c: what OpenSSL says about a failure, in words that tell which check failed and
 * what to do. What a certificate says of itself is the peer's text: only its printable part is
 * repeated. */
#include "outputs/tls.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define NAMES_SHOWN 5

static void put_printable(struct buf *out, const unsigned char *p, int n)
{
	for (; n > 0; n--, p++)
		buf_putc(out, *p > ' ' && *p < 127 && *p != '"' ? *p : '?');
}

static bool put_name(struct buf *out, const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN];
	int n;

	if (name->type == GEN_DNS) {
		put_printable(out, ASN1_STRING_get0_data(name->d.dNSName),
			      ASN1_STRING_length(name->d.dNSName));
		return true;
	}
	if (name->type != GEN_IPADD)
		return false;
	n = ASN1_STRING_length(name->d.iPAddress);
	if (n != 4 && n != 16)
		return false;
	inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
		  sizeof(text));
	buf_puts(out, str_of(text));
	return true;
}

/* "a.example, 192.0.2.1, ..." */
static void put_names(struct buf *out, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int i, shown = 0;

	for (i = 0; i < sk_GENERAL_NAME_num(names) && shown < NAMES_SHOWN; i++) {
		size_t before = out->len;

		if (shown)
			buf_lit(out, ", ");
		if (put_name(out, sk_GENERAL_NAME_value(names, i)))
			shown++;
		else
			out->len = before;
	}
	if (i < sk_GENERAL_NAME_num(names))
		buf_lit(out, ", ...");
	if (!shown)
		buf_lit(out, "no name at all (subjectAltName)");
	GENERAL_NAMES_free(names);
}

static void put_wanted(struct buf *out, SSL *ssl)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	char *address = X509_VERIFY_PARAM_get1_ip_asc(param);

	buf_puts(out, str_of(host ? host : address ? address : "the host"));
	OPENSSL_free(address);
}

static void put_time(struct buf *out, const ASN1_TIME *time)
{
	struct tm tm;

	if (time && ASN1_TIME_to_tm(time, &tm) == 1)
		buf_printf(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
			   tm.tm_mday, tm.tm_hour, tm.tm_min);
}

static void put_common_name(struct buf *out, const X509_NAME *name)
{
	char text[128];
	int n = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof(text));

	if (n > 0)
		put_printable(out, (const unsigned char *)text, n);
	else
		buf_lit(out, "?");
}

static void put_cause(struct buf *out, SSL *ssl, X509 *certificate, long error)
{
	switch (error) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		buf_lit(out, "it is for ");
		put_names(out, certificate);
		buf_lit(out, ", not for ");
		put_wanted(out, ssl);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		buf_lit(out, "it expired on ");
		put_time(out, X509_get0_notAfter(certificate));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		buf_lit(out, "it is not valid before ");
		put_time(out, X509_get0_notBefore(certificate));
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		buf_lit(out, "it is self-signed and not in tls.ca_file");
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		buf_lit(out, "its authority \"");
		put_common_name(out, X509_get_issuer_name(certificate));
		buf_lit(out, "\" is not trusted (tls.ca_file)");
		break;
	case X509_V_ERR_CERT_REVOKED:
		buf_lit(out, "it is revoked");
		break;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		buf_lit(out, "tls.crl_file has no list of its authority");
		break;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		buf_lit(out, "the list of its authority in tls.crl_file is out of date");
		break;
	default:
		buf_puts(out, str_of(X509_verify_cert_error_string(error)));
	}
}

void tls_describe_certificate(SSL *ssl, X509 *certificate, long error, struct errmsg *em)
{
	char text[400];
	struct buf out = buf_fixed(text, sizeof(text) - 1);

	if (certificate)
		put_cause(&out, ssl, certificate, error);
	else
		buf_puts(&out, str_of(X509_verify_cert_error_string(error)));
	text[out.len] = '\0';
	errmsg_set(em, "the peer's certificate is refused: %s", text);
}

/* Alerts by which a peer says that it will not have us as we are (RFC 8446, section 6.2). */
static bool is_final_alert(int alert)
{
	switch (alert) {
	case SSL_AD_HANDSHAKE_FAILURE:
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_PROTOCOL_VERSION:
	case SSL_AD_INSUFFICIENT_SECURITY:
	case SSL_AD_UNRECOGNIZED_NAME:
	case SSL_AD_CERTIFICATE_REQUIRED:
	case SSL_AD_NO_APPLICATION_PROTOCOL:
		return true;
	default:
		return false;
	}
}

static enum output_verdict alert_failure(SSL *ssl, int alert, struct errmsg *em)
{
	const char *hint = "";

	if (alert == SSL_AD_CERTIFICATE_REQUIRED)
		hint = " (give one as tls.certificate)";
	else if (alert == SSL_AD_HANDSHAKE_FAILURE && !SSL_get_certificate(ssl))
		hint = " (it may want a certificate: tls.certificate)";
	else if (alert == SSL_AD_PROTOCOL_VERSION)
		hint = " (tls.min_version)";
	errmsg_set(em, "the peer refuses TLS: %s%s", SSL_alert_desc_string_long(alert), hint);
	return is_final_alert(alert) ? OUTPUT_HELD : OUTPUT_LOST;
}

static enum output_verdict protocol_failure(SSL *ssl, unsigned long error, struct errmsg *em)
{
	int reason = ERR_GET_REASON(error);
	const char *text = ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
	    reason < SSL_AD_REASON_OFFSET + 256)
		return alert_failure(ssl, reason - SSL_AD_REASON_OFFSET, em);
	switch (reason) {
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		errmsg_set(em, SSL_in_init(ssl) ? "the peer closed the connection during the TLS "
						  "handshake"
						: "the peer closed the connection without a "
						  "goodbye");
		return OUTPUT_LOST;
	case SSL_R_WRONG_VERSION_NUMBER:
		errmsg_set(em, "the peer does not speak TLS here");
		return SSL_in_init(ssl) ? OUTPUT_HELD : OUTPUT_LOST;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
		errmsg_set(em, "the peer's version of TLS is below tls.min_version");
		return OUTPUT_HELD;
	default:
		errmsg_set(em, "TLS: %s", text ? text : "unknown error");
		return OUTPUT_LOST;
	}
}

enum output_verdict tls_failure(SSL *ssl, int result, int saved_errno, struct errmsg *em)
{
	int code = SSL_get_error(ssl, result);
	unsigned long error = ERR_peek_error();
	long verify = SSL_get_verify_result(ssl);
	enum output_verdict verdict = OUTPUT_LOST;

	if (code == SSL_ERROR_ZERO_RETURN) {
		errmsg_set(em, "the peer closed the connection");
	} else if (code == SSL_ERROR_SYSCALL || error == 0) {
		errmsg_set(em, "%s",
			   saved_errno ? strerror(saved_errno) : "the peer closed the connection");
	} else if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
		   ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		tls_describe_certificate(ssl, SSL_get_app_data(ssl), verify, em);
		verdict = OUTPUT_HELD;
	} else {
		verdict = protocol_failure(ssl, error, em);
	}
	ERR_clear_error();
	return verdict;
}
