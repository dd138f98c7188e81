/* SPDX-License-Identifier: Apache-2.0 */
/* The network configuration: what is taken, what is refused with which CNI
 * code, and that prevResult stays the bytes that came. */
#include "plugin/netconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/ask.h"
#include "weir/cleanup.h"
#include "weir/rpc.h"

#include <cjson/cJSON.h>

static int parse(const char *text, struct weir_netconf *conf, int *code)
{
	struct weir_error err;

	*code = 0;
	return weir_netconf_parse(text, strlen(text), conf, code, &err);
}

static void refuse(const char *text, int code)
{
	struct weir_netconf conf;
	int got;

	if (parse(text, &conf, &got) == 0)
		fail_msg("taken: %s", text);
	if (got != code)
		fail_msg("code %d, not %d, for %s", got, code, text);
}

static void test_defaults(void **state)
{
	struct weir_netconf conf;
	int code;

	assert_int_equal(parse("{\"cniVersion\":\"1.0.0\"}", &conf, &code), 0);
	assert_string_equal(conf.socket, WEIR_RPC_SOCKET_DEFAULT);
	assert_int_equal(conf.timeout_ms, 5000);
	assert_false(conf.allow_unavailable);
	assert_null(conf.prev_result.text);
	assert_true(conf.version->has_check);
	assert_false(conf.version->has_status);
}

static void test_keys(void **state)
{
	struct weir_netconf conf;
	int code;

	assert_int_equal(parse(" { \"x\" : [1,{\"socket\":\"/no\"}] , \"socket\":\"/run/s\",\n"
			       "\"timeoutMs\": 100, \"onUnavailable\":\"allow\", "
			       "\"cniVersion\":\"1.1.0\", \"prevResult\": null } \n",
			       &conf, &code),
			 0);
	assert_string_equal(conf.socket, "/run/s");
	assert_int_equal(conf.timeout_ms, 100);
	assert_true(conf.allow_unavailable);
	assert_null(conf.prev_result.text);
	assert_true(conf.version->has_status);
}

/* Numbers that no double holds, unknown keys, order, blanks, escapes. */
static void test_prev_result_is_untouched(void **state)
{
	const char *result = "{ \"zz\" :12345678901234567890, \"a\":[1.50,  2e0], "
			     "\"ips\":[{\"address\":\"10.0.0.2/24\"}],\n\"u\":\"\\u00e9\\/}\" }";
	char text[512];
	struct weir_netconf conf;
	int code;

	snprintf(text, sizeof(text), "{\"cniVersion\":\"0.3.1\",\"prevResult\":%s,\"name\":\"n\"}",
		 result);
	assert_int_equal(parse(text, &conf, &code), 0);
	assert_int_equal(conf.prev_result.len, strlen(result));
	assert_memory_equal(conf.prev_result.text, result, strlen(result));
}

static void test_refused(void **state)
{
	refuse("", WEIR_RPC_DECODE_FAILURE);
	refuse("[]", WEIR_RPC_DECODE_FAILURE);
	refuse("{\"cniVersion\":\"1.0.0\"", WEIR_RPC_DECODE_FAILURE);
	refuse("{\"cniVersion\":\"1.0.0\"} x", WEIR_RPC_DECODE_FAILURE);
	refuse("{\"cniVersion\":\"1.0.0\",}", WEIR_RPC_DECODE_FAILURE);
	refuse("{\"cniVersion\" \"1.0.0\"}", WEIR_RPC_DECODE_FAILURE);
	refuse("{\"cniVersion\":\"1.0.0\",\"prevResult\":[]}", WEIR_RPC_DECODE_FAILURE);
	refuse("{\"cniVersion\":\"1.0.0\",\"prevResult\":\001{}}", WEIR_RPC_DECODE_FAILURE);
	refuse("{}", WEIR_RPC_INVALID_CONFIG);
	refuse("{\"cniVersion\":1}", WEIR_RPC_INVALID_CONFIG);
	refuse("{\"cniVersion\":\"0.2.0\"}", WEIR_RPC_INCOMPATIBLE_VERSION);
	refuse("{\"cniVersion\":\"1.0.0\",\"socket\":\"run/s\"}", WEIR_RPC_INVALID_CONFIG);
	refuse("{\"cniVersion\":\"1.0.0\",\"timeoutMs\":0}", WEIR_RPC_INVALID_CONFIG);
	refuse("{\"cniVersion\":\"1.0.0\",\"timeoutMs\":1.5}", WEIR_RPC_INVALID_CONFIG);
	refuse("{\"cniVersion\":\"1.0.0\",\"onUnavailable\":\"ignore\"}", WEIR_RPC_INVALID_CONFIG);
}

/* The daemon gets the configuration as it came, inside the request. */
static void test_request(void **state)
{
	const char *text = "{\"cniVersion\":\"1.0.0\",\"big\":98765432109876543210}";
	struct weir_cni_env env = { .command = "ADD",
				    .container_id = "c\"1",
				    .netns = "/n",
				    .ifname = "eth0",
				    .args = "A=b" };
	WEIR_AUTO_FREE char *request = NULL;
	struct weir_netconf conf;
	const cJSON *params;
	cJSON *json;
	size_t len;
	int code;

	assert_int_equal(parse(text, &conf, &code), 0);
	request = weir_ask_text(&conf, &env, "cni.add", &len);
	assert_non_null(strstr(request, text));
	json = cJSON_ParseWithLength(request, len);
	params = cJSON_GetObjectItemCaseSensitive(json, "params");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(params, "containerId")),
			    "c\"1");
	assert_true(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(params, "config")));
	cJSON_Delete(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_prev_result_is_untouched),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
