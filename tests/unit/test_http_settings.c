/* What the configuration of an HTTP output may say, where requests go, and what stands above them.
 */
#include "outputs/http_client.h"
#include "outputs/http_headers.h"
#include "tests/unit/http_profile_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct http_profile_rig *rig;

static void open_rig(const char *yaml)
{
	struct errmsg em = { "" };

	http_profile_rig_free(&rig);
	rig = http_profile_rig_create(yaml, &em);
	if (!rig)
		fail_msg("%s", em.text);
	http_profile_rig_fill(rig, 1);
}

static int teardown(void **state)
{
	http_profile_rig_free(&rig);
	return 0;
}

static void assert_refused(const char *yaml, const char *words)
{
	struct errmsg em = { "" };
	struct http_profile_rig *refused = http_profile_rig_create(yaml, &em);

	if (refused)
		fail_msg("taken: %s", yaml);
	if (!strstr(em.text, words) || !strstr(em.text, "test.yaml:"))
		fail_msg("\"%s\" does not say \"%s\"", em.text, words);
	assert_null(strstr(em.text, "hunter2"));
}

static void test_what_is_wrong_is_refused(void **state)
{
	assert_refused("url: 'ftp://h'", "http:// or https://");
	assert_refused("url: 'http://joe:hunter2@h/'", "user and password");
	assert_refused("url: 'http://h/a b'", "printable");
	assert_refused("url: 'http://h/#x'", "fragment");
	assert_refused("url: 'http://{node}/x'", "url is wrong");
	assert_refused("url: 'http://h/{nod}'", "{nod}");
	assert_refused("url: 'http://h/{kind}'", "more than one event");
	assert_refused("profile: splunkk", "did you mean \"splunk\"");
	assert_refused("{profile: loki, splunk: {index: x}}", "profile: splunk");
	assert_refused("profile: splunk", "needs a token");
	assert_refused("{profile: splunk, token: t, splunk: {channel: abc}}", "GUID");
	assert_refused("headers: ['X-A']", "Name: value");
	assert_refused("headers: [\"X-A: b\\nX-C: d\"]", "one line");
	assert_refused("headers: ['content-type: x']", "set by weir");
	assert_refused("token: \"hunter2\\nX: y\"", "more than one line");
	assert_refused("password: hunter2", "without a user");
	assert_refused("{token: hunter2, user: joe}", "token_header");
	assert_refused("{token: hunter2, token_header: 'a b'}", "token_header");
	assert_refused("tls: {verify: false}", "http://");
	assert_refused("{url: 'https://h', tls: {server_name: x}}", "stands in url");
	assert_refused("{url: 'https://h', tls: {pins: ['x']}}", "sha256");
	assert_refused("proxy: 'socks5://h:1'", "http://HOST:PORT");
	assert_refused("proxy: 'http://joe:hunter2@h:1'", "user");
	assert_refused("{profile: elasticsearch, elasticsearch: {index: Upper}}", "capital");
	assert_refused("{profile: elasticsearch, elasticsearch: {index: 'a/b'}}", "can't name");
	assert_refused("{profile: elasticsearch, format: compact}", "JSON format");
	assert_refused("{profile: elasticsearch, elasticsearch: {index: 'a-{kin}'}}", "'kind'");
	assert_refused("{profile: elasticsearch, elasticsearch: {index: \"a\\x01b\"}}", "control");
	assert_refused("{profile: loki, loki: {labels: ['a={nod}']}}", "did you mean 'node'?");
	assert_refused("{profile: loki, loki: {labels: ['a={kind}']}}", "more than one event");
	assert_refused("{profile: loki, loki: {labels: ['1a=b']}}", "NAME=VALUE");
	assert_refused("{profile: datadog, token: t, batch: {max_events: 2000}}", "1000");
	assert_refused("{profile: azure, token: t}", ":1:1: profile azure takes at most");
	assert_refused("{profile: azure, token: t, batch: {max_bytes: 500KB}}", "azure.rule");
	assert_refused("generic: {signature_header: X-S}", "go together");
	assert_refused("concurrency: 33", "32");
}

static void assert_url(const char *yaml, const char *expected)
{
	char text[1024];
	struct buf out = buf_fixed(text, sizeof(text));

	open_rig(yaml);
	assert_true(http_url_write(&rig->ctx, rig->batch, &out));
	assert_string_equal(text, expected);
}

static void test_path_and_query_are_put_into_the_url(void **state)
{
	assert_url("url: 'http://h:1/x?a=b'", "http://h:1/x?a=b");
	assert_url("url: 'http://h:1/{date}/{node}'", "http://h:1/2023.11.14/node-%221%22");
	assert_url("{url: 'http://h:1', profile: loki}", "http://h:1/loki/api/v1/push");
	assert_url("{url: 'http://h:1/', profile: loki}", "http://h:1/loki/api/v1/push");
	assert_url("{url: 'http://h:1/insert/?a=b', profile: loki}",
		   "http://h:1/insert/loki/api/v1/push?a=b");
	assert_url("{url: 'http://h:1/?a=b', profile: azure, token: t, batch: {max_bytes: 500KB}, "
		   "azure: {rule: r, stream: s}}",
		   "http://h:1/dataCollectionRules/r/streams/s?a=b&api-version=2023-01-01");
}

static bool has_line(const struct curl_slist *list, const char *line)
{
	for (; list; list = list->next)
		if (strcmp(list->data, line) == 0)
			return true;
	return false;
}

static void assert_headers(const char *yaml, const char *const *lines)
{
	struct curl_slist *list;

	open_rig(yaml);
	free(http_profile_rig_body(rig));
	list = http_headers_make(&rig->ctx, rig->batch, &rig->body);
	assert_non_null(list);
	assert_true(has_line(list, "Expect:"));
	for (; *lines; lines++)
		if (!has_line(list, *lines))
			fail_msg("no \"%s\"", *lines);
	http_headers_free(&list);
	assert_null(list);
}

static void test_headers(void **state)
{
	assert_headers("{token: t, headers: ['X-A: {node}'], compression: zstd}",
		       (const char *const[]){ "Authorization: Bearer t", "X-A: node-\"1\"",
					      "Content-Type: application/x-ndjson",
					      "Content-Encoding: zstd", NULL });
	assert_headers("{profile: splunk, token: t}",
		       (const char *const[]){ "Authorization: Splunk t",
					      "X-Splunk-Request-Channel: c-h-a-n", NULL });
	assert_headers("{profile: elasticsearch, token: t}",
		       (const char *const[]){ "Authorization: ApiKey t", NULL });
	assert_headers("{profile: datadog, token: t}",
		       (const char *const[]){ "DD-API-KEY: t", NULL });
	assert_headers("{token: t, token_header: X-Key}",
		       (const char *const[]){ "X-Key: t", NULL });
	assert_headers("{profile: loki, loki: {tenant: me}}",
		       (const char *const[]){ "X-Scope-OrgID: me", NULL });
}

/* RFC 4231 has vectors for the algorithm; this one is of another implementation over our bytes. */
static void test_signature(void **state)
{
	struct curl_slist *list;

	open_rig("generic: {signature_header: X-S, signature_key: Jefe}");
	http_body_reset(&rig->body);
	http_body_span(&rig->body, STR("what do ya want "));
	buf_lit(http_body_text(&rig->body), "for nothing?");
	assert_true(http_body_end(&rig->body));
	list = http_headers_make(&rig->ctx, rig->batch, &rig->body);
	assert_true(has_line(list, "X-S: sha256=5bdcc146bf60754e6a042426089575c7"
				   "5a003f089d2739839dec58b964ec3843"));
	http_headers_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_wrong_is_refused),
		cmocka_unit_test(test_path_and_query_are_put_into_the_url),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_signature),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
