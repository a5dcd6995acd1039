/* Where a peer is, as people write it. */
#include "outputs/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void takes(const char *text, const char *host, unsigned int port, bool is_literal,
		  const char *name)
{
	struct endpoint endpoint;
	struct errmsg em = { "" };

	assert_int_equal(endpoint_parse(text, 514, &endpoint, &em), 0);
	assert_string_equal(endpoint.host, host);
	assert_int_equal(endpoint.port, port);
	assert_int_equal(endpoint.is_literal, is_literal);
	assert_string_equal(endpoint_name(&endpoint).text, name);
}

static void refuses(const char *text, uint16_t default_port, const char *words)
{
	struct endpoint endpoint;
	struct errmsg em = { "" };

	assert_int_not_equal(endpoint_parse(text, default_port, &endpoint, &em), 0);
	assert_non_null(strstr(em.text, words));
}

static void hosts_and_ports(void **state)
{
	takes("log.example", "log.example", 514, false, "log.example:514");
	takes("log.example:6514", "log.example", 6514, false, "log.example:6514");
	takes("my_host-1", "my_host-1", 514, false, "my_host-1:514");
	takes("192.0.2.1", "192.0.2.1", 514, true, "192.0.2.1:514");
	takes("192.0.2.1:601", "192.0.2.1", 601, true, "192.0.2.1:601");
	takes("::1", "::1", 514, true, "[::1]:514");
	takes("[::1]", "::1", 514, true, "[::1]:514");
	takes("[2001:db8::7]:601", "2001:db8::7", 601, true, "[2001:db8::7]:601");
	takes("[fe80::1%eth0]:601", "fe80::1%eth0", 601, true, "[fe80::1%eth0]:601");
}

static void paths(void **state)
{
	struct endpoint endpoint;
	struct errmsg em;
	char longest[200] = "/", name[220];

	assert_int_equal(endpoint_parse("/dev/log", 0, &endpoint, &em), 0);
	assert_true(endpoint_is_unix(&endpoint));
	assert_string_equal(endpoint_name(&endpoint).text, "unix:/dev/log");
	assert_int_equal(endpoint_parse("unix:/dev/log", 0, &endpoint, &em), 0);
	assert_string_equal(endpoint.path, "/dev/log");
	refuses("unix:dev/log", 0, "absolute");
	memset(longest + 1, 'a', 106);
	assert_int_equal(endpoint_parse(longest, 0, &endpoint, &em), 0);
	snprintf(name, sizeof(name), "%sb", longest);
	refuses(name, 0, "107 bytes");
}

static void what_is_wrong(void **state)
{
	char longest[300];

	refuses("log.example", 0, "needs a port");
	refuses("log.example:0", 514, "needs a port");
	refuses("log.example:65536", 514, "needs a port");
	refuses("log.example:6x", 514, "needs a port");
	refuses("log.example:", 514, "needs a port");
	refuses("", 514, "no address");
	refuses(":514", 514, "no address");
	refuses("[::1", 514, "no address");
	refuses("[::1]514", 514, "no address");
	refuses("[log.example]:514", 514, "neither");
	refuses("1:2:3:4", 514, "neither");
	refuses("a b:514", 514, "neither");
	refuses("-x:514", 514, "neither");
	refuses("a\r\nHost: b:514", 514, "neither");
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	refuses(longest, 514, "no address");
	longest[254] = '\0';
	refuses(longest, 514, "neither");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_and_ports),
		cmocka_unit_test(paths),
		cmocka_unit_test(what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
