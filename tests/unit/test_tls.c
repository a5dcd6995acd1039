/* TLS against OpenSSL's own server: who is let through, who is not and in which words, and what
 * happens when the files change. */
#include "base/log.h"
#include "tests/unit/stream_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define MANY_BYTES (8u << 20)

static struct tls_fixture *fixture;
static char log_text[4096];

static void capture(void *ctx, enum log_level level, const char *line)
{
	size_t n = strlen(log_text);

	snprintf(log_text + n, sizeof(log_text) - n, "%s\n", line);
}

static int setup(void **state)
{
	fixture = tls_fixture_create();
	log_capture(capture, NULL);
	return 0;
}

static int teardown(void **state)
{
	log_capture(NULL, NULL);
	tls_fixture_free(&fixture);
	return 0;
}

static void read_tls(struct stream_rig *rig, int fd)
{
	SSL *ssl = peer_accept_tls(rig, fd);
	int n;

	rig->peer_got_len = 0;
	if (!ssl)
		return;
	SSL_write(ssl, "hello", 5);
	while ((n = SSL_read(ssl, rig->peer_got + rig->peer_got_len,
			     sizeof(rig->peer_got) - rig->peer_got_len)) > 0)
		rig->peer_got_len += n;
	/* Whether it was told goodbye. */
	rig->connections = -(SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN);
	SSL_free(ssl);
}

static void start(struct stream_rig *rig, const char *name, const char *san, enum cert_fault fault)
{
	rig_init(rig);
	log_text[0] = '\0';
	rig->tls_settings.ca_file = (char *)tls_fixture_ca(fixture);
	rig->peer_certificate = tls_fixture_certificate(fixture, name, san, fault);
	rig->input_max_bytes = 64;
}

static bool has_answer(const struct stream_rig *rig)
{
	return rig->got_len == 5 || rig->ends;
}

static void is_let_through(struct stream_rig *rig)
{
	rig->out = "abc";
	rig->out_len = 3;
	rig_peer(rig, read_tls, 1);
	rig_open(rig);
	rig_until(rig, has_answer);
	assert_string_equal(rig->why.text, "");
	assert_memory_equal(rig->got, "hello", 5);
	stream_free(&rig->stream);
	rig_close(rig);
	assert_int_equal(rig->peer_got_len, 3);
	assert_memory_equal(rig->peer_got, "abc", 3);
	assert_int_equal(rig->connections, -1);
}

static void is_refused(struct stream_rig *rig, enum output_verdict verdict, const char *words)
{
	if (!rig->peer)
		rig->peer = read_tls;
	rig_peer(rig, rig->peer, 1);
	rig_open(rig);
	rig_until(rig, rig_has_ended);
	if (!strstr(rig->why.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, rig->why.text);
	assert_non_null(strstr(rig->why.text, "127.0.0.1:"));
	assert_int_equal(rig->verdict, verdict);
	rig_close(rig);
}

static void address_in_the_certificate(void **state)
{
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	is_let_through(&rig);
}

static void name_in_the_certificate(void **state)
{
	struct stream_rig rig;

	start(&rig, "named", "DNS:other.example,DNS:*.siem.example", CERT_GOOD);
	rig.tls_settings.server_name = (char *)"log.siem.example";
	is_let_through(&rig);
}

static void name_mismatch(void **state)
{
	struct stream_rig rig;

	start(&rig, "named", "DNS:a.example,DNS:b.example", CERT_GOOD);
	rig.tls_settings.server_name = (char *)"siem.example";
	is_refused(&rig, OUTPUT_HELD, "it is for a.example, b.example, not for siem.example");
	start(&rig, "named", "DNS:a.example", CERT_GOOD);
	is_refused(&rig, OUTPUT_HELD, "it is for a.example, not for 127.0.0.1");
}

/* The common name is no name any more (RFC 9525). */
static void common_name_alone(void **state)
{
	struct stream_rig rig;

	start(&rig, "siem.example", NULL, CERT_GOOD);
	rig.tls_settings.server_name = (char *)"siem.example";
	is_refused(&rig, OUTPUT_HELD, "no name at all (subjectAltName)");
}

static void name_check_switched_off(void **state)
{
	struct stream_rig rig;

	start(&rig, "named", "DNS:a.example", CERT_GOOD);
	rig.tls_settings.verify_hostname = false;
	is_let_through(&rig);
}

/* Each switch is for one check: the name is looked at without the chain too. */
static void chain_check_switched_off(void **state)
{
	struct stream_rig rig;

	start(&rig, "self", "IP:127.0.0.1", CERT_SELF_SIGNED);
	rig.tls_settings.verify = false;
	is_let_through(&rig);
	start(&rig, "self", "DNS:a.example", CERT_SELF_SIGNED);
	rig.tls_settings.verify = false;
	is_refused(&rig, OUTPUT_HELD, "it is for a.example, not for 127.0.0.1");
}

static void expired(void **state)
{
	struct stream_rig rig;

	start(&rig, "old", "IP:127.0.0.1", CERT_EXPIRED);
	is_refused(&rig, OUTPUT_HELD, "refused: it expired on 20");
}

static void self_signed(void **state)
{
	struct stream_rig rig;

	start(&rig, "self", "IP:127.0.0.1", CERT_SELF_SIGNED);
	is_refused(&rig, OUTPUT_HELD, "it is self-signed and not in tls.ca_file");
}

static void wrong_authority(void **state)
{
	struct stream_rig rig;

	start(&rig, "foreign", "IP:127.0.0.1", CERT_OF_OTHER_CA);
	is_refused(&rig, OUTPUT_HELD, "its authority \"Another?Authority\" is not trusted");
}

static void revoked(void **state)
{
	struct stream_rig rig;

	start(&rig, "revoked", "IP:127.0.0.1", CERT_REVOKED);
	rig.tls_settings.crl_file = (char *)tls_fixture_crl(fixture);
	is_refused(&rig, OUTPUT_HELD, "it is revoked");
	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.tls_settings.crl_file = (char *)tls_fixture_crl(fixture);
	is_let_through(&rig);
}

static void pins(void **state)
{
	char of_certificate[80], of_key[80], wrong[80];
	char *one[1];
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	tls_fixture_pin(rig.peer_certificate, false, of_certificate);
	tls_fixture_pin(rig.peer_certificate, true, of_key);
	rig.tls_settings.pins = (struct config_strings){ one, 1 };
	one[0] = of_certificate;
	is_let_through(&rig);

	start(&rig, "self", "IP:127.0.0.1", CERT_SELF_SIGNED);
	tls_fixture_pin(rig.peer_certificate, true, of_key);
	rig.tls_settings.verify = false;
	rig.tls_settings.pins = (struct config_strings){ one, 1 };
	one[0] = of_key;
	is_let_through(&rig);

	start(&rig, "self", "IP:127.0.0.1", CERT_SELF_SIGNED); /* with another key */
	tls_fixture_pin(rig.peer_certificate, false, wrong);
	rig.tls_settings.verify = false;
	rig.tls_settings.pins = (struct config_strings){ one, 1 };
	is_refused(&rig, OUTPUT_HELD, wrong);
}

static void pins_as_written(void **state)
{
	static const char hex[] = "sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
				  "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";
	struct tls_pin pin;

	assert_true(tls_pin_parse(hex, &pin));
	assert_int_equal(pin.digest[31], 0xff);
	assert_false(pin.is_of_key);
	assert_true(tls_pin_parse("sha256//ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=", &pin));
	assert_int_equal(pin.digest[1], 0x11);
	assert_true(pin.is_of_key);
	assert_false(tls_pin_parse("sha256:0011", &pin));
	assert_false(tls_pin_parse("sha256//AAAA", &pin));
	assert_false(tls_pin_parse("sha1:00", &pin));
	assert_false(tls_pin_parse("", &pin));
}

static void certificate_is_wanted(void **state)
{
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.peer_client_ca = tls_fixture_ca(fixture);
	is_refused(&rig, OUTPUT_HELD, "certificate");
	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.peer_client_ca = tls_fixture_ca(fixture);
	rig.tls_settings.certificate =
		(char *)tls_fixture_certificate(fixture, "client", NULL, CERT_GOOD);
	is_let_through(&rig);
}

/* The refusal lies unread behind the failure of a write. */
static void own_certificate_is_refused_during_writes(void **state)
{
	char *bytes = calloc(1, MANY_BYTES);
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.peer_client_ca = tls_fixture_ca(fixture);
	rig.tls_settings.certificate =
		(char *)tls_fixture_certificate(fixture, "client", NULL, CERT_OF_OTHER_CA);
	rig.out = bytes;
	rig.out_len = MANY_BYTES;
	is_refused(&rig, OUTPUT_HELD, "refuses TLS: unknown CA");
	free(bytes);
}

static void close_in_handshake(struct stream_rig *rig, int fd)
{
	char hello[1024];

	(void)!recv(fd, hello, sizeof(hello), 0);
}

static void speak_plainly(struct stream_rig *rig, int fd)
{
	char hello[1024];

	(void)!recv(fd, hello, sizeof(hello), 0);
	send(fd, "220 ready when you are\r\n", 24, MSG_NOSIGNAL);
	while (recv(fd, hello, sizeof(hello), 0) > 0)
		;
}

static atomic_bool peer_may_go;

static void say_nothing(struct stream_rig *rig, int fd)
{
	while (!atomic_load(&peer_may_go))
		usleep(1000);
}

static void handshake_breaks(void **state)
{
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.peer = close_in_handshake;
	is_refused(&rig, OUTPUT_LOST, "closed the connection during the TLS handshake");
	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.peer = speak_plainly;
	is_refused(&rig, OUTPUT_HELD, "the peer does not speak TLS here");
}

static void handshake_times_out(void **state)
{
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	atomic_store(&peer_may_go, false);
	rig.settings.connect_timeout_ns = 30 * NSEC_PER_MSEC;
	rig_peer(&rig, say_nothing, 1);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_non_null(strstr(rig.why.text, "no answer in time from the TLS handshake"));
	atomic_store(&peer_may_go, true);
	rig_close(&rig);
}

/* Checks what comes, answers every so often and renews the keys on both sides, which makes the
 * client's reads write, while its writes fill the socket. */
static void renew_keys(struct stream_rig *rig, int fd)
{
	static unsigned char part[16384];
	SSL *ssl = peer_accept_tls(rig, fd);
	size_t total = 0, next = 1 << 18;
	int i, n;

	while (ssl && total < MANY_BYTES && (n = SSL_read(ssl, part, sizeof(part))) > 0) {
		for (i = 0; i < n; i++, total++)
			if (part[i] != (unsigned char)(total % 251))
				return;
		if (total < next)
			continue;
		next += 1 << 18;
		SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_write(ssl, "more.", 5);
	}
	snprintf(rig->peer_got, sizeof(rig->peer_got), "%zu", total);
	SSL_write(ssl, "done.", 5);
	while (SSL_read(ssl, part, sizeof(part)) > 0)
		;
	SSL_free(ssl);
}

static bool is_all_done(const struct stream_rig *rig)
{
	return rig->ends || (rig->got_len >= 5 && !memcmp(rig->got + rig->got_len - 5, "done.", 5));
}

static void keys_are_renewed_under_load(void **state)
{
	char *bytes = malloc(MANY_BYTES);
	struct stream_rig rig;
	int small = 8192;
	size_t i;

	for (i = 0; i < MANY_BYTES; i++)
		bytes[i] = i % 251;
	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	setsockopt(rig.listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	rig.out = bytes;
	rig.out_len = MANY_BYTES;
	rig_peer(&rig, renew_keys, 1);
	rig_open(&rig);
	rig_until(&rig, is_all_done);
	assert_string_equal(rig.why.text, "");
	assert_int_equal(stream_acked(rig.stream), MANY_BYTES);
	rig_close(&rig);
	assert_int_equal(strtoul(rig.peer_got, NULL, 10), MANY_BYTES);
	for (i = 0; i + 5 < rig.got_len; i += 5)
		assert_memory_equal(rig.got + i, "more.", 5);
	free(bytes);
}

static void accept_twice(struct stream_rig *rig, int fd)
{
	SSL *ssl = peer_accept_tls(rig, fd);
	char scratch[16];

	if (!ssl)
		return;
	while (SSL_read(ssl, scratch, sizeof(scratch)) > 0)
		;
	SSL_free(ssl);
}

static void connect_once(struct stream_rig *rig)
{
	rig->opened = 0;
	rig_open(rig);
	rig_until(rig, rig_is_open);
	stream_free(&rig->stream);
}

static void copy(const char *from, const char *to)
{
	char bytes[65536];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n = fread(bytes, 1, sizeof(bytes), in);

	assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	fclose(out);
}

static void files_are_read_again(void **state)
{
	char path[128], fresh[136];
	struct stream_rig rig;
	FILE *file;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	snprintf(path, sizeof(path), "%s.live", tls_fixture_ca(fixture));
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	copy(tls_fixture_ca(fixture), path);
	rig.tls_settings.ca_file = path;
	rig_peer(&rig, accept_twice, 4);
	connect_once(&rig);
	assert_string_equal(log_text, "");

	/* Bad ones: the old context stays. */
	file = fopen(fresh, "w");
	fputs("this is no certificate", file);
	fclose(file);
	rename(fresh, path);
	connect_once(&rig);
	assert_non_null(strstr(log_text, "output siem: the new TLS files are not used"));
	assert_non_null(strstr(log_text, path));

	/* Said once, not with every connection. */
	log_text[0] = '\0';
	connect_once(&rig);
	assert_string_equal(log_text, "");

	/* Good ones of another authority: from now on the peer is a stranger. */
	copy(tls_fixture_other_ca(fixture), fresh);
	rename(fresh, path);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_non_null(strstr(rig.why.text, "is not trusted"));
	assert_non_null(strstr(log_text, "TLS files read again"));
	rig_close(&rig);
	unlink(path);
}

static void spoil(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs("this is no certificate", file);
	fclose(file);
}

/* A lost connection closes the output; the next one is made by another struct tls. */
static void old_files_outlive_a_close(void **state)
{
	struct stream_rig rig;
	char path[128];

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	snprintf(path, sizeof(path), "%s.closed", tls_fixture_ca(fixture));
	copy(tls_fixture_ca(fixture), path);
	rig.tls_settings.ca_file = path;
	rig_peer(&rig, accept_twice, 5);
	connect_once(&rig);
	spoil(path);
	log_text[0] = '\0';
	tls_free(&rig.tls);
	connect_once(&rig);
	assert_non_null(strstr(log_text, "output siem: the new TLS files are not used"));

	/* Said once, however often it is closed. */
	log_text[0] = '\0';
	tls_free(&rig.tls);
	connect_once(&rig);
	assert_string_equal(log_text, "");

	/* Other settings, or another output, have no part in it. */
	tls_free(&rig.tls);
	rig.tls_settings.min_version = TLS_VERSION_1_3;
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_non_null(strstr(rig.why.text, path));
	stream_free(&rig.stream);
	rig.tls_settings.min_version = TLS_VERSION_1_2;
	tls_free(&rig.tls);
	connect_once(&rig);
	rig_close(&rig);
	unlink(path);
}

static void bad_files_from_the_start(void **state)
{
	struct stream_rig rig;

	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.tls_settings.ca_file = (char *)"/nonexistent/ca.pem";
	rig.peer = accept_twice;
	is_refused(&rig, OUTPUT_HELD, "ca_file /nonexistent/ca.pem can't be used: No such file");
	start(&rig, "good", "IP:127.0.0.1", CERT_GOOD);
	rig.tls_settings.certificate = (char *)rig.peer_certificate;
	rig.tls_settings.key = (char *)tls_fixture_certificate(fixture, "client", NULL, CERT_GOOD);
	rig.peer = accept_twice;
	is_refused(&rig, OUTPUT_HELD, "it does not belong to the certificate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_in_the_certificate),
		cmocka_unit_test(name_in_the_certificate),
		cmocka_unit_test(name_mismatch),
		cmocka_unit_test(common_name_alone),
		cmocka_unit_test(name_check_switched_off),
		cmocka_unit_test(chain_check_switched_off),
		cmocka_unit_test(expired),
		cmocka_unit_test(self_signed),
		cmocka_unit_test(wrong_authority),
		cmocka_unit_test(revoked),
		cmocka_unit_test(pins),
		cmocka_unit_test(pins_as_written),
		cmocka_unit_test(certificate_is_wanted),
		cmocka_unit_test(own_certificate_is_refused_during_writes),
		cmocka_unit_test(handshake_breaks),
		cmocka_unit_test(handshake_times_out),
		cmocka_unit_test(keys_are_renewed_under_load),
		cmocka_unit_test(files_are_read_again),
		cmocka_unit_test(old_files_outlive_a_close),
		cmocka_unit_test(bad_files_from_the_start),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
