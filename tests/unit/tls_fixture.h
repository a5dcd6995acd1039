/* tests/unit/tls_fixture.h: certificates made for a test, as PEM files in a directory of its own:
 * two authorities, and what they have signed. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_fixture;

/* What is wrong with a certificate; CERT_GOOD: nothing. */
enum cert_fault { CERT_GOOD, CERT_EXPIRED, CERT_SELF_SIGNED, CERT_OF_OTHER_CA, CERT_REVOKED };

struct tls_fixture *tls_fixture_create(void);
void tls_fixture_free(struct tls_fixture **fixture);

/* Paths in the fixture's directory; valid as long as it is. */
const char *tls_fixture_ca(const struct tls_fixture *fixture);	     /* ca.pem */
const char *tls_fixture_other_ca(const struct tls_fixture *fixture); /* other.pem */
const char *tls_fixture_crl(const struct tls_fixture *fixture);	     /* crl.pem, of ca.pem */
/* Writes NAME.pem with certificate and key; san as "DNS:a.example,IP:127.0.0.1". Returns its path.
 */
const char *tls_fixture_certificate(struct tls_fixture *fixture, const char *name, const char *san,
				    enum cert_fault fault);
/* The pin of the certificate in that file, or of its key: sha256:HEX. */
void tls_fixture_pin(const char *path, bool of_key, char pin_r[80]);
