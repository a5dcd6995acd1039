/* The built-in rules for credentials: what each must mask, and what looks like it and must stay.
 * `#` stands for the end of an argument. Secrets are made up, and put together here from two
 * pieces (`|` is dropped), so that scanners of source code leave this file alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "redaction/redaction.h"

#include <stdio.h>

static struct redaction *presets;

static int set_up(void **state)
{
	struct redaction_settings settings = { .credential_presets = true };
	struct errmsg em = { "" };

	if (redaction_create(&settings, &presets, &em))
		fail_msg("%s", em.text);
	return 0;
}

static int tear_down(void **state)
{
	redaction_unref(&presets);
	return 0;
}

static struct str list_of(const char *text, char *mem)
{
	size_t n = 0;

	for (; *text; text++)
		if (*text != '|')
			mem[n++] = *text == '#' ? 0 : *text;
	mem[n++] = 0;
	return (struct str){ mem, n };
}

/* What comes out, in the writing of the tables. */
static void redact(const char *binary, const char *text, char *got)
{
	char raw[2048], masked[2048];
	struct buf out = buf_fixed(masked, sizeof(masked));
	struct redaction_outcome outcome = { 0 };
	struct str list = list_of(text, raw);

	list = redaction_arguments(presets, str_of(binary), list, &out, &outcome).text;
	assert_int_equal(outcome.failed, 0);
	for (size_t i = 0; i < list.n; i++)
		got[i] = list.p[i] ? list.p[i] : '#';
	got[list.n - 1] = 0;
}

#define A10 "aB3dE6gH9j"
#define A20 A10 A10
#define A40 A20 A20

struct sample {
	const char *binary, *text, *wanted;
};

static void expect_samples(const struct sample *samples, size_t count)
{
	char got[2048];

	for (size_t i = 0; i < count; i++) {
		redact(samples[i].binary, samples[i].text, got);
		if (strcmp(got, samples[i].wanted) != 0)
			fail_msg("%s: got %s, wanted %s", samples[i].text, got, samples[i].wanted);
	}
}

static void shapes(void **state)
{
	static const struct sample samples[] = {
		{ "", "x#AKIA|QWERTYUIOPASDFGH", "x#*****" },
		{ "", "x#id=ASIA|QWERTYUIOPASDFGH,y", "x#id=*****,y" },
		{ "", "x#AIza|" A20 A10 "aB3dE", "x#*****" },
		{ "", "x#ya29.|" A20, "x#*****" },
		{ "", "x#abc8Q~|" A20 A10 "abcd", "x#*****" },
		{ "", "x#https://a.blob.core.windows.net/c?sv=1&sig=|" A20 "%3D&se=2",
		  "x#https://a.blob.core.windows.net/c?sv=1&sig=*****&se=2" },
		{ "", "x#ghp_|" A20 A10 "abcdef", "x#*****" },
		{ "", "git#clone#https://gho_|" A20 A10 "abcdef@github.com/a/b",
		  "git#clone#https://*****@github.com/a/b" },
		{ "", "x#github_pat_|" A40, "x#*****" },
		{ "", "x#glpat-|" A20, "x#*****" },
		{ "", "x#xoxb-|123456789012-abcdef", "x#*****" },
		{ "", "curl#https://hooks.slack.com/services/T0/B0/|" A20,
		  "curl#https://hooks.slack.com/services/*****" },
		{ "", "x#sk_live_|" A20, "x#*****" },
		{ "", "x#whsec_|" A20, "x#*****" },
		{ "", "x#npm_|" A20 A10 "abcdef", "x#*****" },
		{ "", "npm#set#//npm.example.org/:_authToken=|abc",
		  "npm#set#//npm.example.org/:_authToken=*****" },
		{ "", "x#pypi-AgE|" A40 A10, "x#*****" },
		{ "", "x#hvs.|" A20 "abcd", "x#*****" },
		{ "", "x#dckr_pat_|" A20, "x#*****" },
		{ "", "x#SG.|" A20 "ab." A40 "abc", "x#*****" },
		{ "", "x#sk-ant-|" A20, "x#*****" },
		{ "", "x#eyJ|hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0abc.c2ln-_x", "x#*****" },
		{ "",
		  "x#-----BEGIN |RSA PRIVATE KEY-----\nMIIE-x\nabc\n-----END RSA PRIVATE KEY-----",
		  "x#-----BEGIN RSA PRIVATE KEY-----*****-----END RSA PRIVATE KEY-----" },
		{ "", "x#-----BEGIN |PRIVATE KEY-----\nMIIE cut",
		  "x#-----BEGIN PRIVATE KEY-----*****" },
	};

	expect_samples(samples, ARRAY_SIZE(samples));
}

static void contexts(void **state)
{
	static const struct sample samples[] = {
		{ "", "psql#postgres://ann:s3cret@db/x", "psql#postgres://ann:*****@db/x" },
		{ "", "x#redis://:s3cret@cache:6379/0", "x#redis://:*****@cache:6379/0" },
		{ "", "x#amqp://u:p@ss@host/v", "x#amqp://u:*****@host/v" },
		{ "", "curl#-H#Authorization: Bearer abc.def",
		  "curl#-H#Authorization: Bearer *****" },
		{ "", "curl#-H#authorization: basic YWJj", "curl#-H#authorization: basic *****" },
		{ "", "curl#-H#Authorization:token abc def", "curl#-H#Authorization:token *****" },
		{ "", "x#Bearer abcdefghijklmnop1234", "x#Bearer *****" },
		{ "", "curl#-H#X-Api-Key: abc", "curl#-H#X-Api-Key: *****" },
		{ "", "curl#-H#PRIVATE-TOKEN: abc", "curl#-H#PRIVATE-TOKEN: *****" },
		{ "", "x#--password#abc#-v", "x#--password#*****#-v" },
		{ "", "x#--password#two words#-v", "x#--password#*****#-v" },
		{ "", "x#--password=two words#-v", "x#--password=*****#-v" },
		{ "", "x#--PASSWORD=abc", "x#--PASSWORD=*****" },
		{ "", "x#--db-password=abc", "x#--db-password=*****" },
		{ "", "x#-password#abc", "x#-password#*****" },
		{ "", "x#--passwd#abc", "x#--passwd#*****" },
		{ "", "x#--token=abc#--secret#def", "x#--token=*****#--secret#*****" },
		{ "", "x#--api-key#abc#--apikey=def", "x#--api-key#*****#--apikey=*****" },
		{ "", "aws#--aws.secret-access-key#abc", "aws#--aws.secret-access-key#*****" },
		{ "", "x#--client-secret=abc", "x#--client-secret=*****" },
		{ "", "x#--pass#abc#--http-pass=d", "x#--pass#*****#--http-pass=*****" },
		{ "", "java#-Djavax.net.ssl.keyStorePassword=changeit",
		  "java#-Djavax.net.ssl.keyStorePassword=*****" },
		{ "", "mount#-o#username=ann,password=abc",
		  "mount#-o#username=ann,password=*****" },
		{ "", "sh#-c#PGPASSWORD=abc psql", "sh#-c#PGPASSWORD=*****" },
		{ "", "env#AWS_SECRET_ACCESS_KEY=abc#x", "env#AWS_SECRET_ACCESS_KEY=*****#x" },
		{ "", "env#MYSQL_PWD=abc#x", "env#MYSQL_PWD=*****#x" },
		{ "", "env#GITHUB_TOKEN=abc#x", "env#GITHUB_TOKEN=*****#x" },
		{ "", "az#AccountName=a;AccountKey=abc==", "az#AccountName=a;AccountKey=*****" },
		{ "", "curl#-d#{\"user\":\"ann\",\"password\":\"a b\\\"c\",\"x\":1}",
		  "curl#-d#{\"user\":\"ann\",\"password\":\"*****\",\"x\":1}" },
	};

	expect_samples(samples, ARRAY_SIZE(samples));
}

static void programs(void **state)
{
	static const struct sample samples[] = {
		{ "/usr/bin/mysql", "mysql#-uroot#-ps3cret#db", "mysql#-uroot#-p*****#db" },
		{ "/usr/bin/mariadb-dump", "x#-ps3cret", "x#-p*****" },
		{ "/usr/bin/sudo", "sudo#mysql#-u#root#-ps3cret", "sudo#mysql#-u#root#-p*****" },
		{ "/usr/bin/sshpass", "sshpass#-p#s3cret#ssh#h", "sshpass#-p#*****#ssh#h" },
		{ "/usr/bin/sshpass", "sshpass#-ps3cret#ssh#-p#22#h",
		  "sshpass#-p*****#ssh#-p#*****#h" },
		{ "/usr/bin/env", "env#sshpass#-v#-p#s3cret", "env#sshpass#-v#-p#*****" },
		{ "/usr/bin/sudo", "sudo#sshpass#-p#s3cret#ssh#-p#22#h",
		  "sudo#sshpass#-p#*****#ssh#-p#*****#h" },
		{ "/usr/bin/env", "env#mysql#-ps3cret#-port#d", "env#mysql#-p*****#-p*****#d" },
		{ "/usr/bin/env", "env#curl#-u#ann:s3cret#--proxy-user#bob:s3cret#u",
		  "env#curl#-u#ann:*****#--proxy-user#bob:*****#u" },
		{ "/usr/bin/curl", "curl#-u#ann:s3cret#u", "curl#-u#ann:*****#u" },
		{ "/usr/bin/curl", "curl#-sSuann:s3cret", "curl#-sSuann:*****" },
		{ "/usr/bin/curl", "curl#--user=ann:two words", "curl#--user=ann:*****" },
		{ "/bin/sh", "sh#-c#curl -u ann:s3cret x", "sh#-c#curl -u ann:*****" },
		{ "/usr/bin/redis-cli", "redis-cli#-a#s3cret#ping", "redis-cli#-a#*****#ping" },
		{ "/usr/bin/ldapsearch", "ldapsearch#-x#-w#s3cret", "ldapsearch#-x#-w#*****" },
		{ "/usr/bin/openssl", "openssl#rsa#-passin#pass:s3cret",
		  "openssl#rsa#-passin#pass:*****" },
		{ "/usr/bin/docker", "docker#login#-u#a#-p#s3cret", "docker#login#-u#a#-p#*****" },
	};

	expect_samples(samples, ARRAY_SIZE(samples));
}

static void near_misses_stay(void **state)
{
	static const struct {
		const char *binary, *text;
	} samples[] = {
		{ "", "ls#-la#/var/tmp" },
		{ "", "x#AKIA|QWERTYUIOPASDFG" },
		{ "", "x#XAKIA|QWERTYUIOPASDFGH" },
		{ "", "x#akia|qwertyuiopasdfgh" },
		{ "", "x#AKIA|QWERTYUIOPASDFGH1" },
		{ "", "x#AIza|short" },
		{ "", "x#ghp_|short" },
		{ "", "x#highp_|" A40 },
		{ "", "x#glpat-|short" },
		{ "", "x#npm_config_cache=/tmp" },
		{ "", "npm#run#npm_lifecycle" },
		{ "", "x#sk_live_|x" },
		{ "", "x#eyJ|hbGciOiJIUzI1NiJ9" },
		{ "", "x#eyJ|hbGci.short.x" },
		{ "", "x#-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----" },
		{ "", "x#-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----" },
		{ "", "curl#https://host:8443/path?q=a@b" },
		{ "", "curl#https://host/a:b@c" },
		{ "", "git#clone#git@github.com:a/b" },
		{ "", "x#bearer of news" },
		{ "", "docker#login#--password-stdin" },
		{ "", "x#--token-file#/run/t" },
		{ "", "x#--no-password-prompt#y" },
		{ "", "x#passwordless#y" },
		{ "", "vi#/etc/passwd" },
		{ "", "passwd#ann" },
		{ "", "cat#/run/secrets/token" },
		{ "", "env#SECRET_NAME=db#TOKEN_COUNT=5#x" },
		{ "", "env#PWD=/home/ann#OLDPWD=/tmp#x" },
		{ "", "x#--tokenizer=bpe" },
		{ "", "x#{\"tokens\":5,\"name\":\"token\"}" },
		{ "/bin/ps", "ps#-p#1234" },
		{ "/usr/bin/ssh", "ssh#-p#22#host" },
		{ "/usr/bin/mysql", "mysql#-p#db" },
		{ "/usr/bin/mysqldiff", "mysqldiff#-pabc" },
		{ "/usr/bin/sudo", "sudo#-u#ann:staff#id" },
		{ "/usr/bin/curl", "curl#-o#/tmp/x:y#https://h/" },
		{ "/usr/bin/ls", "ls#-a#x" },
		{ "/usr/bin/docker", "docker#run#-p#80:80#x" },
	};
	char got[2048], wanted[2048];

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		size_t n = 0;

		for (const char *p = samples[i].text; *p; p++)
			if (*p != '|')
				wanted[n++] = *p;
		wanted[n] = 0;
		redact(samples[i].binary, samples[i].text, got);
		if (strcmp(got, wanted) != 0)
			fail_msg("%s: got %s", wanted, got);
	}
}

static void environment_values(void **state)
{
	static const char list[] =
		"PATH=/bin\0PWD=/home/x\0AWS_SECRET_ACCESS_KEY=a b\0DB_PASSWORD=c\0"
		"URL=http://u:p@h/\0SSH_AUTH_SOCK=/tmp/s";
	static const char wanted[] =
		"PATH=/bin\0PWD=/home/x\0AWS_SECRET_ACCESS_KEY=*****\0"
		"DB_PASSWORD=*****\0URL=http://u:*****@h/\0SSH_AUTH_SOCK=/tmp/s";
	char mem[512];
	struct buf out = buf_fixed(mem, sizeof(mem));
	struct redaction_outcome outcome = { 0 };
	struct redacted got = redaction_environment(
		presets, STR("/bin/x"), (struct str){ list, sizeof(list) }, &out, &outcome);

	assert_int_equal(got.text.n, sizeof(wanted));
	assert_memory_equal(got.text.p, wanted, sizeof(wanted));
	assert_int_equal(outcome.replaced, 3);
}

/* No preset may be made expensive by what a process passes: each of these is masked or left within
 * a bound that is far above what it takes, and far below what backtracking would. */
static void hostile_arguments_are_bounded(void **state)
{
	static const char *const pieces[] = { "--password ",
					      "a-",
					      "://",
					      "://a:",
					      "mysql ",
					      "curl -",
					      "login ",
					      "eyJaaaaaaaa.",
					      "-----BEGIN ",
					      "\"password\":\"\\",
					      "sshpass -",
					      "A",
					      " " };
	static char list[32768], mem[1 << 20];

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct buf out = buf_fixed(mem, sizeof(mem));
		struct redaction_outcome outcome = { 0 };
		size_t length = strlen(pieces[i]);
		clock_t start = clock();

		for (size_t at = 0; at < sizeof(list); at++)
			list[at] = pieces[i][at % length];
		redaction_arguments(presets, STR("/usr/bin/curl"),
				    (struct str){ list, sizeof(list) }, &out, &outcome);
		if (clock() - start > CLOCKS_PER_SEC)
			fail_msg("\"%s\" took %ld us", pieces[i], (long)(clock() - start));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes),
		cmocka_unit_test(contexts),
		cmocka_unit_test(programs),
		cmocka_unit_test(near_misses_stay),
		cmocka_unit_test(environment_values),
		cmocka_unit_test(hostile_arguments_are_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
