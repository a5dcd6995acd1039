#include "tests/unit/tls_fixture.h"

#include "base/compiler.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY	  (24 * 3600L)
#define MAX_PATHS 32

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

struct tls_fixture {
	char directory[32], *paths[MAX_PATHS];
	size_t path_count;
	struct authority ca, other;
	const char *ca_path, *other_path, *crl_path;
	X509_CRL *crl;
	long serial;
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static char *make_path(struct tls_fixture *fx, const char *name)
{
	char *path = NULL;
	size_t i;

	for (i = 0; i < fx->path_count; i++)
		if (strcmp(strrchr(fx->paths[i], '/') + 1, name) == 0)
			return fx->paths[i];
	need(fx->path_count < MAX_PATHS && asprintf(&path, "%s/%s", fx->directory, name) > 0);
	fx->paths[fx->path_count++] = path;
	return path;
}

static void set_name(X509_NAME *name, const char *text)
{
	need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1,
					-1, 0));
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	need(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static X509 *make(struct tls_fixture *fx, const char *name, EVP_PKEY *key,
		  const struct authority *issuer, bool is_expired)
{
	X509 *certificate = X509_new();

	need(certificate && X509_set_version(certificate, 2));
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++fx->serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -20 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(certificate), is_expired ? -DAY : 20 * DAY);
	set_name(X509_get_subject_name(certificate), name);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate)
						 : X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	return certificate;
}

static const char *write_pem(struct tls_fixture *fx, const char *name, X509 *certificate,
			     EVP_PKEY *key)
{
	char *path = make_path(fx, name);
	FILE *file = fopen(path, "w");

	need(file && PEM_write_X509(file, certificate));
	need(!key || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	need(fclose(file) == 0);
	return path;
}

static void make_authority(struct tls_fixture *fx, struct authority *ca, const char *name)
{
	ca->key = EVP_EC_gen("P-256");
	ca->certificate = make(fx, name, ca->key, NULL, false);
	add_extension(ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(ca->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
	need(X509_sign(ca->certificate, ca->key, EVP_sha256()));
}

static void write_crl(struct tls_fixture *fx)
{
	FILE *file = fopen(fx->crl_path, "w");

	X509_CRL_sort(fx->crl);
	need(X509_CRL_sign(fx->crl, fx->ca.key, EVP_sha256()));
	need(file && PEM_write_X509_CRL(file, fx->crl) && fclose(file) == 0);
}

static void make_crl(struct tls_fixture *fx)
{
	ASN1_TIME *time = ASN1_TIME_new();

	fx->crl = X509_CRL_new();
	need(X509_CRL_set_version(fx->crl, 1));
	X509_CRL_set_issuer_name(fx->crl, X509_get_subject_name(fx->ca.certificate));
	X509_gmtime_adj(time, -DAY);
	X509_CRL_set1_lastUpdate(fx->crl, time);
	X509_gmtime_adj(time, DAY);
	X509_CRL_set1_nextUpdate(fx->crl, time);
	ASN1_TIME_free(time);
	fx->crl_path = make_path(fx, "crl.pem");
	write_crl(fx);
}

static void add_to_crl(struct tls_fixture *fx, X509 *certificate)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_TIME *time = X509_gmtime_adj(NULL, -3600);

	X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(certificate));
	X509_REVOKED_set_revocationDate(revoked, time);
	need(X509_CRL_add0_revoked(fx->crl, revoked));
	ASN1_TIME_free(time);
	write_crl(fx);
}

struct tls_fixture *tls_fixture_create(void)
{
	struct tls_fixture *fx = calloc(1, sizeof(*fx));

	need(fx);
	snprintf(fx->directory, sizeof(fx->directory), "/tmp/weir-tls-XXXXXX");
	need(mkdtemp(fx->directory));
	make_authority(fx, &fx->ca, "Test Authority");
	make_authority(fx, &fx->other, "Another Authority");
	fx->ca_path = write_pem(fx, "ca.pem", fx->ca.certificate, NULL);
	fx->other_path = write_pem(fx, "other.pem", fx->other.certificate, NULL);
	make_crl(fx);
	return fx;
}

void tls_fixture_free(struct tls_fixture **fixture)
{
	struct tls_fixture *fx = *fixture;
	size_t i;

	*fixture = NULL;
	for (i = 0; i < fx->path_count; i++) {
		unlink(fx->paths[i]);
		free(fx->paths[i]);
	}
	rmdir(fx->directory);
	X509_free(fx->ca.certificate);
	X509_free(fx->other.certificate);
	EVP_PKEY_free(fx->ca.key);
	EVP_PKEY_free(fx->other.key);
	X509_CRL_free(fx->crl);
	free(fx);
}

const char *tls_fixture_ca(const struct tls_fixture *fixture)
{
	return fixture->ca_path;
}

const char *tls_fixture_other_ca(const struct tls_fixture *fixture)
{
	return fixture->other_path;
}

const char *tls_fixture_crl(const struct tls_fixture *fixture)
{
	return fixture->crl_path;
}

const char *tls_fixture_certificate(struct tls_fixture *fx, const char *name, const char *san,
				    enum cert_fault fault)
{
	const struct authority *issuer = fault == CERT_SELF_SIGNED   ? NULL
					 : fault == CERT_OF_OTHER_CA ? &fx->other
								     : &fx->ca;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make(fx, name, key, issuer, fault == CERT_EXPIRED);
	char file[64];
	const char *path;

	if (san)
		add_extension(certificate, NID_subject_alt_name, san);
	need(X509_sign(certificate, issuer ? issuer->key : key, EVP_sha256()));
	if (fault == CERT_REVOKED)
		add_to_crl(fx, certificate);
	snprintf(file, sizeof(file), "%s.pem", name);
	path = write_pem(fx, file, certificate, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return path;
}

void tls_fixture_pin(const char *path, bool of_key, char pin_r[80])
{
	FILE *file = fopen(path, "r");
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	unsigned char digest[32];
	unsigned int i;

	if (of_key)
		need(ASN1_item_digest(ASN1_ITEM_rptr(X509_PUBKEY), EVP_sha256(),
				      X509_get_X509_PUBKEY(certificate), digest, NULL));
	else
		need(X509_digest(certificate, EVP_sha256(), digest, NULL));
	i = snprintf(pin_r, 80, "sha256:");
	for (size_t b = 0; b < sizeof(digest); b++)
		i += snprintf(pin_r + i, 80 - i, "%02x", digest[b]);
	X509_free(certificate);
	fclose(file);
}
