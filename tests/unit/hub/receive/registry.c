/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and nodes: what lets in whom, what is on disk, and that a broken file
 * is not taken for an empty one. */
#include "hub/receive/registry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/receive/internal.h"
#include "weir/cleanup.h"
#include "weir/file.h"

static char dir[64];
static struct weir_registry *registry;

static void open_again(void)
{
	struct weir_registry_config config = { .state_dir = dir,
					       .address = "tcp://hub:9572",
					       .max_nodes = 3 };
	struct weir_error err = { "" };

	weir_registry_close(&registry);
	if (weir_registry_open(&config, &registry, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	strcpy(dir, "/tmp/weir-t-registry-XXXXXX");
	assert_non_null(mkdtemp(dir));
	open_again();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	weir_registry_close(&registry);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *secret_of(const char *node, uint64_t ttl_ms, unsigned uses)
{
	static struct weir_link_token token;
	WEIR_AUTO_FREE char *text = NULL;

	assert_int_equal(
		weir_registry_make_token(registry, "prod", node, ttl_ms, uses, &text, NULL), 0);
	assert_int_equal(weir_link_token_read(text, &token, NULL), 0);
	assert_string_equal(token.address, "tcp://hub:9572");
	assert_string_equal(token.server_key, weir_registry_server_key(registry));
	return token.secret;
}

static const char *key(unsigned i)
{
	static char text[WEIR_CURVE_KEY_LEN + 1];

	snprintf(text, sizeof(text), "%040u", i);
	return text;
}

static int enrol(unsigned k, const char *secret, const char *node, struct weir_error *err)
{
	struct weir_link_node *n = NULL;

	return weir_registry_enrol(registry, key(k), secret, node, &n, err);
}

static void test_uses(void **state)
{
	char secret[44];
	struct weir_error err;

	assert_false(weir_registry_admits(registry, key(1)));
	strcpy(secret, secret_of(NULL, 60000, 2));
	assert_true(weir_registry_admits(registry, key(1)));
	assert_int_equal(enrol(1, secret, "n1", &err), 0);
	assert_int_equal(enrol(1, secret, "n1", &err), 0); /* the answer was lost: no use */
	assert_int_equal(enrol(1, secret, "n2", &err), -EACCES);
	assert_int_equal(enrol(2, secret, "n2", &err), 0);
	assert_int_equal(enrol(3, secret, "n3", &err), -EACCES);
	assert_non_null(strstr(err.text, "used up"));
	assert_false(weir_registry_admits(registry, key(3)));
	assert_true(weir_registry_admits(registry, key(2)));
	assert_non_null(weir_registry_node(registry, key(2)));
	assert_null(weir_registry_node(registry, key(3)));
}

static void test_refused(void **state)
{
	char secret[44];
	struct weir_error err;

	strcpy(secret, secret_of(NULL, 1, 5));
	usleep(5000);
	assert_int_equal(enrol(1, secret, "n1", &err), -EACCES);
	assert_non_null(strstr(err.text, "expired"));
	assert_false(weir_registry_admits(registry, key(1)));
	strcpy(secret, secret_of("n1", 60000, 5));
	assert_int_equal(enrol(1, secret, "n2", &err), -EACCES);
	assert_non_null(strstr(err.text, "another node"));
	secret[0] ^= 1;
	assert_int_equal(enrol(1, secret, "n1", &err), -EACCES);
	assert_non_null(strstr(err.text, "no such token"));
}

/* A token for anybody must not take a node's name away from it. */
static void test_name_taken(void **state)
{
	char secret[44];
	struct weir_error err;

	strcpy(secret, secret_of(NULL, 60000, 5));
	assert_int_equal(enrol(1, secret, "n1", &err), 0);
	assert_int_equal(enrol(2, secret, "n1", &err), -EACCES);
	assert_non_null(strstr(err.text, "enrolled with another key"));
	assert_non_null(weir_registry_node(registry, key(1)));
	strcpy(secret, secret_of("n1", 60000, 1));
	assert_int_equal(enrol(2, secret, "n1", &err), 0);
	assert_null(weir_registry_node(registry, key(1)));
	assert_non_null(weir_registry_node(registry, key(2)));
}

static void test_revoke(void **state)
{
	char secret[44];
	struct weir_error err;

	strcpy(secret, secret_of(NULL, 60000, 2));
	assert_int_equal(enrol(1, secret, "n1", &err), 0);
	assert_int_equal(weir_registry_revoke(registry, "prod", "n2", &err), -ENOENT);
	assert_int_equal(weir_registry_revoke(registry, "prod", "n1", &err), 0);
	assert_null(weir_registry_node(registry, key(1)));
	open_again();
	assert_null(weir_registry_node(registry, key(1)));
	/* the token that has a use left is not for those who were revoked */
	assert_int_equal(enrol(1, secret, "n1", &err), -EACCES);
	assert_int_equal(enrol(4, secret, "n1", &err), -EACCES);
	assert_int_equal(enrol(1, secret, "n3", &err), -EACCES);
	assert_non_null(strstr(err.text, "revoked"));
	strcpy(secret, secret_of("n1", 60000, 1));
	assert_int_equal(enrol(4, secret, "n1", &err), 0);
	assert_non_null(weir_registry_node(registry, key(4)));
}

static void test_lasts(void **state)
{
	WEIR_AUTO_FREE struct weir_node_state *all = NULL;
	WEIR_AUTO_FREE char *text = NULL;
	char secret[44], path[128], server[41];
	struct weir_error err;
	struct stat st;
	size_t n, len;

	strcpy(secret, secret_of(NULL, 60000, 3));
	strcpy(server, weir_registry_server_key(registry));
	assert_int_equal(enrol(2, secret, "n2", &err), 0);
	open_again();
	assert_string_equal(server, weir_registry_server_key(registry));
	assert_int_equal(enrol(1, secret, "n1", &err), 0);
	open_again();
	assert_int_equal(weir_registry_list(registry, &all, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(all[0].node, "n1");
	assert_string_equal(all[0].cluster, "prod");
	assert_string_equal(all[0].key, key(1));
	assert_true(all[0].enrolled_ms && !all[0].revoked_ms && !all[0].connected);
	snprintf(path, sizeof(path), "%s/nodes.json", dir);
	assert_int_equal(weir_file_read(path, 1 << 20, &text, &len, &err), 0);
	assert_null(strstr(text, secret));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/hub.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_broken_file(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"nodes\":[]}",
		"{\"nodes\":[{}],\"tokens\":[]}",
		"{\"nodes\":[],\"tokens\":[{\"sha256\":\"x\"}]}",
		("{\"nodes\":[{\"cluster\":\"c\",\"node\":\"n\",\"key\":\"short\",\"boot\":\"\","
		 "\"enrolled\":1,\"revoked\":0}],\"tokens\":[]}"),
	};
	struct weir_registry_config config = { .state_dir = dir };
	char path[128];

	weir_registry_close(&registry);
	snprintf(path, sizeof(path), "%s/nodes.json", dir);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		struct weir_error err = { "" };

		assert_int_equal(weir_file_replace(path, texts[i], strlen(texts[i]), 0600, &err),
				 0);
		assert_true(weir_registry_open(&config, &registry, &err) < 0);
		assert_non_null(strstr(err.text, "nodes.json: repair it"));
	}
}

static void test_bounds(void **state)
{
	struct weir_error err;
	char *text = NULL;
	char secret[44];

	strcpy(secret, secret_of(NULL, 60000, 9));
	for (unsigned i = 0; i < 3; i++) {
		char node[8];

		snprintf(node, sizeof(node), "n%u", i);
		assert_int_equal(enrol(i, secret, node, &err), 0);
	}
	assert_int_equal(enrol(9, secret, "n9", &err), -EACCES);
	assert_int_equal(weir_registry_make_token(registry, "a b", NULL, 1, 1, &text, &err),
			 -EINVAL);
	assert_int_equal(weir_registry_make_token(registry, "c", "../n", 1, 1, &text, &err),
			 -EINVAL);
	assert_int_equal(weir_registry_make_token(registry, "c", NULL, 1, 0, &text, &err), -EINVAL);
	registry->passes = realloc(registry->passes, WEIR_PASSES_MAX * sizeof(struct weir_pass));
	for (; registry->n_passes < WEIR_PASSES_MAX; registry->n_passes++)
		registry->passes[registry->n_passes] = registry->passes[0];
	assert_int_equal(weir_registry_make_token(registry, "c", NULL, 1, 1, &text, &err), -ENOSPC);
}

/* Where nothing can be written nobody gets in; who is revoked is out all the same. */
static void test_disk_full(void **state)
{
	char secret[44], moved[128];
	struct weir_error err;

	strcpy(secret, secret_of(NULL, 60000, 2));
	assert_int_equal(enrol(1, secret, "n1", &err), 0);
	snprintf(moved, sizeof(moved), "%s.away", dir);
	assert_int_equal(rename(dir, moved), 0);
	assert_int_equal(enrol(2, secret, "n2", &err), -EACCES);
	assert_null(weir_registry_node(registry, key(2)));
	assert_true(weir_registry_revoke(registry, "prod", "n1", &err) < 0);
	assert_null(weir_registry_node(registry, key(1)));
	assert_int_equal(rename(moved, dir), 0);
	assert_int_equal(enrol(2, secret, "n2", &err), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_uses),   TEST(test_refused),	 TEST(test_name_taken),
		TEST(test_revoke), TEST(test_lasts),	 TEST(test_broken_file),
		TEST(test_bounds), TEST(test_disk_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
