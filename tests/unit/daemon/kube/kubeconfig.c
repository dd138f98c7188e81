/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig and service account: what is read, and what the errors say. */
#include "daemon/kube/kubeconfig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/kube/base64.h"
#include "weir/cleanup.h"

/* "-----BEGIN CERTIFICATE-----\n" */
#define PEM "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="

#define CONTEXTS                                                                                   \
	"contexts:\n- {name: other, context: {cluster: nowhere, user: nobody}}\n"                  \
	"- {name: here, context: {cluster: c, user: u}}\n"

/* A kubeconfig with this cluster and this user. */
static int parse(const char *cluster, const char *user, struct weir_kube_config *ret,
		 struct weir_error *err)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "apiVersion: v1\nkind: Config\ncurrent-context: here\n" CONTEXTS
		 "clusters:\n- name: c\n  cluster: {%s}\nusers:\n- name: u\n  user: {%s}\n",
		 cluster, user);
	return weir_kubeconfig_parse(text, strlen(text), "/etc/k/config", ret, err);
}

static void refused(const char *cluster, const char *user, const char *words)
{
	struct weir_kube_config config;
	struct weir_error err = { "" };

	assert_true(parse(cluster, user, &config, &err) < 0);
	if (strncmp(err.text, "/etc/k/config:", 14) || !strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_null(config.server);
}

static void text_refused(const char *text, const char *words)
{
	struct weir_kube_config config;
	struct weir_error err = { "" };

	assert_true(weir_kubeconfig_parse(text, strlen(text), "k", &config, &err) < 0);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

#define SERVER "server: 'https://10.0.0.1:6443'"

static void reads_the_current_context(void **state)
{
	struct weir_kube_config config;
	struct weir_error err = { "" };

	if (parse("server: 'https://10.0.0.1:6443//', certificate-authority: ca.crt, "
		  "tls-server-name: kube",
		  "token: secret, tokenFile: /run/token, client-certificate: me.crt, "
		  "client-key-data: " PEM,
		  &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(config.server, "https://10.0.0.1:6443");
	assert_string_equal(config.ca.file, "/etc/k/ca.crt");
	assert_string_equal(config.tls_server_name, "kube");
	assert_string_equal(config.token, "secret");
	assert_string_equal(config.token_file, "/run/token");
	assert_string_equal(config.cert.file, "/etc/k/me.crt");
	assert_string_equal(config.key.data, "-----BEGIN CERTIFICATE-----\n");
	assert_false(config.insecure);
	weir_kube_config_clear(&config);
}

static void data_counts_before_files(void **state)
{
	struct weir_kube_config config;

	assert_int_equal(parse(SERVER ", certificate-authority: ca.crt, "
				      "certificate-authority-data: " PEM
				      ", insecure-skip-tls-verify: true",
			       "", &config, NULL),
			 0);
	assert_null(config.ca.file);
	assert_non_null(config.ca.data);
	assert_true(config.insecure);
	weir_kube_config_clear(&config);
}

static void reads_json(void **state)
{
	static const char text[] =
		"{\"current-context\":\"a\",\"contexts\":[{\"name\":\"a\",\"context\":{\"cluster\":"
		"\"b\"}}],\"clusters\":[{\"name\":\"b\",\"cluster\":{\"server\":\"http://[::1]:80/"
		"x\"}}"
		"]}";
	struct weir_kube_config config;

	assert_int_equal(weir_kubeconfig_parse(text, strlen(text), "k", &config, NULL), 0);
	assert_string_equal(config.server, "http://[::1]:80/x");
	weir_kube_config_clear(&config);
}

static void refuses_servers_that_are_none(void **state)
{
	static const char *const servers[] = {
		"",	      "10.0.0.1:6443", "ftp://x",	"https://",	 "https:///",
		"https://:1", "https://a b",   "https://x?a=1", "https://u:p@x", "https://x#y",
	};
	char cluster[128];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(servers); i++) {
		snprintf(cluster, sizeof(cluster), "server: '%s'", servers[i]);
		refused(cluster, "", "want https://HOST:PORT");
	}
	refused("server: 7", "", "server must be a string");
	refused("", "", "want https://HOST:PORT");
}

static void refuses_what_it_can_not_do(void **state)
{
	refused(SERVER, "exec: {command: aws}", "exec of the user is not supported: use token");
	refused(SERVER, "auth-provider: {name: gcp}", "auth-provider");
	refused(SERVER, "username: a, password: b", "username");
	refused(SERVER, "as: somebody", "as of the user");
}

static void refuses_what_is_not_meant(void **state)
{
	refused(SERVER ", certificate-authority-data: '***'", "",
		"certificate-authority-data is not PEM in base64");
	refused(SERVER ", certificate-authority-data: AAAA", "", "is not PEM");
	refused(SERVER ", certificate-authority: 7", "", "certificate-authority must be a string");
	refused(SERVER ", insecure-skip-tls-verify: 'true'", "", "must be true or false");
	refused(SERVER, "token: [a]", "token must be a string");
	refused(SERVER, "tokenFile: {}", "tokenFile must be a string");
	refused(SERVER, "client-certificate: a.crt", "client-key go together");
	refused(SERVER, "client-key: a.key", "client-key go together");
}

static void names_what_is_missing(void **state)
{
	text_refused("", "is not one kubeconfig");
	text_refused("a: 1\n---\nb: 2\n", "is not one kubeconfig");
	text_refused("[]", "current-context");
	text_refused("kind: Config\n", "current-context is not set");
	text_refused("current-context: x\n", "there is no \"x\" in contexts");
	text_refused("current-context: x\ncontexts: [{name: x}]\n", "has no context");
	text_refused("current-context: x\ncontexts: [{name: x, context: {}}]\n",
		     "names no cluster");
	text_refused("current-context: other\n" CONTEXTS, "there is no \"nowhere\" in clusters");
	text_refused("current-context: here\n" CONTEXTS
		     "clusters: [{name: c, cluster: {server: 'http://x'}}]\nusers: []\n",
		     "there is no \"u\" in users");
	text_refused("current-context: [\n", "k:");
}

static void reads_a_service_account(void **state)
{
	struct weir_kube_config config;
	struct weir_error err = { "" };

	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_true(weir_kubeconfig_in_cluster("/sa", &config, &err) < 0);
	assert_non_null(strstr(err.text, "source.kubernetes.kubeconfig"));
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	assert_int_equal(weir_kubeconfig_in_cluster("/sa", &config, &err), 0);
	assert_string_equal(config.server, "https://[fd00::1]:443");
	assert_string_equal(config.token_file, "/sa/token");
	assert_string_equal(config.ca.file, "/sa/ca.crt");
	weir_kube_config_clear(&config);
	setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
	assert_int_equal(weir_kubeconfig_in_cluster("/sa", &config, &err), 0);
	assert_string_equal(config.server, "https://10.96.0.1:443");
	weir_kube_config_clear(&config);
}

/* --- files ---------------------------------------------------------------------------- */

struct file {
	char path[32];
};

static void write_file(struct file *f, const char *text)
{
	int fd;

	strcpy(f->path, "/tmp/weir-t-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void reads_tokens(void **state)
{
	struct weir_error err = { "" };
	struct file f;
	char *token = NULL;

	write_file(&f, "\n  abc.def  \nmore\n");
	assert_int_equal(weir_kube_read_token(f.path, &token, &err), 0);
	assert_string_equal(token, "abc.def");
	free(token);
	unlink(f.path);
	assert_true(weir_kube_read_token(f.path, &token, &err) < 0);
	assert_non_null(strstr(err.text, f.path));
	write_file(&f, " \n");
	assert_true(weir_kube_read_token(f.path, &token, &err) < 0);
	assert_non_null(strstr(err.text, "has no token"));
	unlink(f.path);
	assert_true(weir_kube_read_token("/tmp", &token, &err) < 0);
}

static void reads_pem(void **state)
{
	struct weir_error err = { "" };
	struct file f;
	char *text = NULL;

	write_file(&f, "# mine\n-----BEGIN CERTIFICATE-----\n");
	assert_int_equal(weir_kube_read_pem(f.path, &text, &err), 0);
	free(text);
	unlink(f.path);
	write_file(&f, "\x30\x82 der");
	assert_true(weir_kube_read_pem(f.path, &text, &err) < 0);
	assert_non_null(strstr(err.text, "is no PEM file"));
	unlink(f.path);
}

/* RFC 4648, section 10, and what is wrong. */
static void decodes_base64(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: an error */
	} cases[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ " Zm9v\nYmFy\r\n", "foobar" },
		{ "Zg", NULL },
		{ "Zg=", NULL },
		{ "Z===", NULL },
		{ "Zg==Zg==", NULL },
		{ "Zm9v=", NULL },
		{ "Zm9*", NULL },
		{ "====", NULL },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		WEIR_AUTO_FREE char *got = NULL;
		size_t len = 0;
		int r = weir_base64_decode(cases[i].text, &got, &len);

		if (!cases[i].want) {
			assert_true(r < 0);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(got, cases[i].want);
		assert_int_equal(len, strlen(cases[i].want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_current_context),
		cmocka_unit_test(data_counts_before_files),
		cmocka_unit_test(reads_json),
		cmocka_unit_test(refuses_servers_that_are_none),
		cmocka_unit_test(refuses_what_it_can_not_do),
		cmocka_unit_test(refuses_what_is_not_meant),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(reads_a_service_account),
		cmocka_unit_test(reads_tokens),
		cmocka_unit_test(reads_pem),
		cmocka_unit_test(decodes_base64),
	};

	return cmocka_run_group_tests_name("kubeconfig", tests, NULL, NULL);
}
