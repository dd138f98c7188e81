/* SPDX-License-Identifier: Apache-2.0 */
/* What the Kubernetes source remembers beside the cluster: the names of a list,
 * and the objects that are broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/source/kubernetes.h"

static struct weir_pool *pool;
static struct weir_listed listed;
static struct weir_broken broken;

static int setup(void **state)
{
	listed = (struct weir_listed){ 0 };
	broken = (struct weir_broken){ 0 };
	return weir_pool_new(&pool);
}

static int teardown(void **state)
{
	weir_listed_end(&listed);
	weir_broken_free(&broken);
	weir_pool_free(&pool);
	return 0;
}

/* --- names --------------------------------------------------------------------------- */

static void names_of_a_list(void **state)
{
	const char *web = weir_pool_string(pool, "web"), *shop = weir_pool_string(pool, "shop");
	size_t bytes = weir_pool_bytes(pool);

	weir_listed_begin(&listed, pool);
	weir_listed_add(&listed, "shop", "web");
	weir_listed_add(&listed, "shop", "web");
	weir_listed_add(&listed, NULL, "web");
	/* no object can have it */
	weir_listed_add(&listed, "shop", "unheard-of");
	weir_listed_add(&listed, "shop", NULL);
	assert_true(weir_listed_has(&listed, "shop", "web"));
	assert_true(weir_listed_has(&listed, NULL, "web"));
	assert_false(weir_listed_has(&listed, "bank", "web"));
	assert_false(weir_listed_has(&listed, "shop", "shop"));
	assert_false(weir_listed_failed(&listed));
	/* a new list knows nothing of the one before */
	weir_listed_begin(&listed, pool);
	assert_false(weir_listed_has(&listed, "shop", "web"));
	weir_listed_end(&listed);
	assert_int_equal(weir_pool_bytes(pool), bytes);
	weir_pool_put_string(pool, web);
	weir_pool_put_string(pool, shop);
}

static void without_a_list_nothing_is_noted(void **state)
{
	weir_listed_add(&listed, "shop", "web");
	weir_listed_end(&listed);
	weir_listed_end(&listed);
}

/* --- broken objects --------------------------------------------------------------------- */

static uint64_t count(uint64_t *ret_errors)
{
	uint64_t n, errors;

	weir_broken_counts(&broken, &n, &errors);
	if (ret_errors)
		*ret_errors = errors;
	return n;
}

static void assert_status(int i, const char *error)
{
	cJSON *list = weir_broken_status(&broken);
	const cJSON *item = cJSON_GetArrayItem(list, i);

	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(item, "error")), error);
	cJSON_Delete(list);
}

static void broken_until_it_is_mended(void **state)
{
	uint64_t errors;

	weir_broken_set(&broken, "NetworkPolicy", "shop", "web", "u-1", "spec: is missing");
	weir_broken_set(&broken, "NetworkPolicy", "shop", "web", "u-1", "spec: is missing");
	assert_int_equal(count(&errors), 1);
	assert_int_equal(errors, 2);
	assert_status(0, "NetworkPolicy shop/web: spec: is missing");
	weir_broken_set(&broken, "NetworkPolicy", "shop", "web", "u-1", "another");
	assert_status(0, "NetworkPolicy shop/web: another");
	/* others of that name are others */
	weir_broken_clear(&broken, "NetworkPolicy", "bank", "web");
	weir_broken_clear(&broken, "Pod", "shop", "web");
	assert_int_equal(count(NULL), 1);
	weir_broken_clear(&broken, "NetworkPolicy", "shop", "web");
	assert_int_equal(count(NULL), 0);
	weir_broken_set(&broken, "ClusterNetworkPolicy", NULL, "all", NULL, "wrong");
	assert_status(0, "ClusterNetworkPolicy all: wrong");
}

static bool is_web(void *data, const char *ns, const char *name)
{
	return strcmp(name, "web") == 0;
}

static void what_is_gone_is_not_broken(void **state)
{
	weir_broken_set(&broken, "NetworkPolicy", "shop", "web", NULL, "e");
	weir_broken_set(&broken, "NetworkPolicy", "shop", "db", NULL, "e");
	weir_broken_set(&broken, "Pod", "shop", "db", NULL, "e");
	weir_broken_sweep(&broken, "NetworkPolicy", is_web, NULL);
	assert_int_equal(count(NULL), 2);
	weir_broken_sweep(&broken, "Pod", is_web, NULL);
	assert_int_equal(count(NULL), 1);
	assert_status(0, "NetworkPolicy shop/web: e");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_of_a_list),
		TEST(without_a_list_nothing_is_noted),
		TEST(broken_until_it_is_mended),
		TEST(what_is_gone_is_not_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
