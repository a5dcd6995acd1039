/* outputs/tls.h: OpenSSL contexts made from a destination's settings, and OpenSSL's verdicts put
 * into words. One struct tls per destination, made in its open() and freed in its close().
 *
 * Files are read when a connection is made: at first, and again when one of them has another inode,
 * size or modification time. When new files are bad the old context stays in use and a line goes to
 * the log; that also holds for an output that is closed and opened again, as delivery does when a
 * connection is lost. The chain, the validity, the host name and the pins are checked unless the
 * configuration switches that off, each by its own name; a host name is looked for in the subject
 * alternative names only (RFC 9525). No renegotiation, no compression, no 0-RTT (RFC 9662). */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/output.h"
#include "outputs/tls_settings.h"

#include <openssl/ssl.h>

struct tls;

/* Reads no file yet, and goes on with the context that an owner of that name with the same settings
 * has left. owner (the output's name) and settings are borrowed. NULL: no memory. */
WARN_UNUSED struct tls *tls_create(const struct tls_settings *settings, const char *owner);
/* A good context stays in the process for the next tls_create(), as many as there may be outputs.
 */
void tls_free(struct tls **tls);
/* Looks at the files anew with the next connection, whatever their times say. */
void tls_reload(struct tls *tls);

/* For a client connection to `host` (a name or an address). NULL: the files are bad and there is no
 * older context; em says which file and why. The caller attaches its BIOs. */
WARN_UNUSED SSL *tls_connection(struct tls *tls, const char *host, struct errmsg *em);
void tls_connection_free(SSL **ssl);
/* After the handshake, what OpenSSL has not looked at: the pins, and the name where the chain is
 * not verified. False: em says what the peer has shown; only a change of configuration can help. */
WARN_UNUSED bool tls_check_peer(const struct tls *tls, SSL *ssl, struct errmsg *em);
/* The same of a certificate that is not the connection's yet, for who is asked during the
 * handshake (libcurl's, in outputs/http_tls.c). */
WARN_UNUSED bool tls_check_certificate(const struct tls *tls, SSL *ssl, X509 *certificate,
				       struct errmsg *em);
/* Why an operation on ssl failed with `result`, errno as it was then: in em without the peer's
 * name. HELD when the configuration of either side is at fault (a certificate that is refused, no
 * common version, no TLS at all), LOST when the connection broke. Clears OpenSSL's error queue. */
enum output_verdict tls_failure(SSL *ssl, int result, int saved_errno, struct errmsg *em);
/* outputs/tls_words.c: how the certificate does not hold (an X509_V_ERR_ code), with what it says.
 */
void tls_describe_certificate(SSL *ssl, X509 *certificate, long error, struct errmsg *em);
