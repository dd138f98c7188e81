/* SPDX-License-Identifier: Apache-2.0 */
/* What a folder of CNI configurations becomes, byte for byte; and what it is
 * again when weir has gone. */
#include "weir/chain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/chain/chain.h"

#include <cmocka.h>

#define ENTRY "{\"type\":\"weir\"}"
#define OURS  "00-weir.conflist"

static char dir[] = "/tmp/weir-chain-XXXXXX";

static int setup(void **state)
{
	strcpy(dir, "/tmp/weir-chain-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int teardown(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while ((e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(dir);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void assert_text(const char *name, const char *want)
{
	char text[4096] = "";
	FILE *f = fopen(path_of(name), "r");

	if (!want) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	assert_string_equal(text, want);
}

static bool is_in(const char *name, const char *word)
{
	char text[4096] = "";
	FILE *f = fopen(path_of(name), "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return strstr(text, word) != NULL;
}

static struct weir_chain install(void)
{
	struct weir_error err = { "" };
	struct weir_chain chain;

	if (weir_chain_install(dir, ENTRY, false, &chain, &err) < 0)
		fail_msg("%s", err.text);
	return chain;
}

static unsigned count_files(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

/* --- what becomes of it ------------------------------------------------------------- */

static const struct {
	const char *name, *text; /* of the only file */
	enum weir_chain_state state;
	const char *ours; /* NULL: there is no file of ours */
} cases[] = {
	{ "10-a.conflist",
	  "{ \"cniVersion\" : \"1.0.0\", \"name\": \"n\",\n"
	  " \"plugins\": [ {\"type\":\"bridge\",\"x\":[1e400,\"]\\\"\"]} ], \"z\": "
	  "9007199254740993}\n",
	  WEIR_CHAIN_IN_SYNC,
	  "{\n  \"weir.dev/madeFrom\": \"10-a.conflist\", \"cniVersion\" : \"1.0.0\", \"name\": "
	  "\"n\",\n \"plugins\": [ {\"type\":\"bridge\",\"x\":[1e400,\"]\\\"\"]},\n    " ENTRY
	  "\n  ], \"z\": 9007199254740993}\n" },
	{ "10-a.conf", "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"ptp\"}",
	  WEIR_CHAIN_IN_SYNC,
	  "{\n  \"weir.dev/madeFrom\": \"10-a.conf\",\n  \"cniVersion\": \"0.3.1\",\n  \"name\": "
	  "\"n\",\n  \"plugins\": [\n{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"ptp\"},\n "
	  "   " ENTRY "\n  ]\n}\n" },
	{ "10-a.json", "{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"type\":\"ptp\"}\n",
	  WEIR_CHAIN_IN_SYNC,
	  "{\n  \"weir.dev/madeFrom\": \"10-a.json\",\n  \"cniVersion\": \"0.4.0\",\n  \"name\": "
	  "\"n\",\n  \"plugins\": [\n{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"type\":\"ptp\"},\n "
	  "   " ENTRY "\n  ]\n}\n" },
	/* weir is in there already */
	{ "10-a.conflist",
	  "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"x\"},{\"type\":"
	  "\"weir\"}]}",
	  WEIR_CHAIN_NATIVE, NULL },
	/* cannot be used: each for its reason */
	{ "10-a.conflist", "", WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"ty",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist", "[]", WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[]}",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist", "{\"cniVersion\":\"1.0.0\",\"plugins\":[{\"type\":\"x\"}]}",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist", "{\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}]}", WEIR_CHAIN_BROKEN,
	  NULL },
	{ "10-a.conflist",
	  "{\"cniVersion\":\"0.2.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}]}",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist",
	  "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}],\"plugins\":[{"
	  "\"type\":\"y\"}]}",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}", WEIR_CHAIN_BROKEN, NULL },
	/* a list in a file that is no .conflist: runtimes refuse it */
	{ "10-a.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}]}",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"x\":\"y\"}]}",
	  WEIR_CHAIN_BROKEN, NULL },
	{ "10-a.conflist",
	  "\xEF\xBB\xBF{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}]}",
	  WEIR_CHAIN_BROKEN, NULL },
	/* "plugins" elsewhere is something else; a hidden file is like any other */
	{ ".10-a.conflist",
	  "{\"name\":\"plugins\",\"cniVersion\":\"1.1.0\",\"args\":{\"plugins\":[1]},"
	  "\r\n\"plugins\":[{"
	  "\"type\":\"x\",\"plugins\":[{}]}\r\n]}",
	  WEIR_CHAIN_IN_SYNC, NULL },
	/* no runtime looks at it */
	{ "10-a.txt", "{}", WEIR_CHAIN_NO_PRIMARY, NULL },
};

static void one_file(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { "" };
		struct weir_chain chain;

		put(cases[i].name, cases[i].text);
		chain = install();
		assert_string_equal(weir_chain_state_name(chain.state),
				    weir_chain_state_name(cases[i].state));
		assert_int_equal(chain.why.text[0] != 0, chain.state == WEIR_CHAIN_BROKEN);
		if (cases[i].ours || chain.state != WEIR_CHAIN_IN_SYNC)
			assert_text(OURS, cases[i].ours);
		assert_text(cases[i].name, cases[i].text);
		assert_int_equal(weir_chain_remove(dir, &err), 0);
		assert_text(cases[i].name, cases[i].text);
		assert_int_equal(count_files(), 1);
		unlink(path_of(cases[i].name));
	}
}

#define LIST(type) "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"" type "\"}]}"

static void follows_the_primary(void **state)
{
	struct weir_chain chain;

	put("10-a.conflist", LIST("one"));
	install();
	put("10-a.conflist", LIST("two"));
	chain = install();
	assert_int_equal(chain.state, WEIR_CHAIN_IN_SYNC);
	/* another comes before it, also before our name */
	put("00-a.conflist", LIST("three"));
	chain = install();
	assert_string_equal(chain.primary, "00-a.conflist");
	assert_string_equal(chain.ours, "00-00-weir.conflist");
	assert_text(OURS, NULL);
	/* half written: ours stays as it was */
	put("00-a.conflist", "{\"cniVersion\":");
	chain = install();
	assert_int_equal(chain.state, WEIR_CHAIN_BROKEN);
	assert_string_equal(chain.ours, "00-00-weir.conflist");
	/* gone: the next one is the primary */
	unlink(path_of("00-a.conflist"));
	chain = install();
	assert_string_equal(chain.primary, "10-a.conflist");
	assert_string_equal(chain.ours, OURS);
	assert_int_equal(count_files(), 2);
	/* none is left: no network */
	unlink(path_of("10-a.conflist"));
	chain = install();
	assert_int_equal(chain.state, WEIR_CHAIN_NO_PRIMARY);
	assert_int_equal(count_files(), 0);
}

/* Some runtimes stop at such a file, some pass over it. */
static void a_broken_file_before_the_primary(void **state)
{
	struct weir_chain chain;

	put("05-junk.conflist", "{");
	put("10-a.conflist", LIST("one"));
	chain = install();
	assert_int_equal(chain.state, WEIR_CHAIN_BROKEN);
	assert_text(OURS, NULL);
	/* it came later: ours goes on following the one that it was made from */
	unlink(path_of("05-junk.conflist"));
	install();
	put("05-junk.conflist", "{");
	put("10-a.conflist", LIST("two"));
	chain = install();
	assert_int_equal(chain.state, WEIR_CHAIN_IN_SYNC);
	assert_string_equal(chain.primary, "10-a.conflist");
	assert_non_null(strstr(chain.why.text, "05-junk.conflist"));
	assert_true(is_in(OURS, "two"));
	/* ours comes before it, too */
	put("00-junk.conflist", "{");
	chain = install();
	assert_string_equal(chain.ours, "00-00-weir.conflist");
	assert_string_equal(chain.primary, "10-a.conflist");
	/* now it is good */
	put("00-junk.conflist", LIST("three"));
	chain = install();
	assert_string_equal(chain.primary, "00-junk.conflist");
	assert_string_equal(chain.why.text, "");
	assert_true(is_in("00-00-weir.conflist", "three"));
}

static void what_a_runtime_passes_over(void **state)
{
	struct weir_chain chain;

	assert_int_equal(mkdir(path_of("05-a.conflist"), 0755), 0);
	put("06-a.conflist.bak", LIST("one"));
	put("conflist", LIST("one"));
	put("10-a.conflist", LIST("two"));
	chain = install();
	assert_string_equal(chain.primary, "10-a.conflist");
	assert_int_equal(rmdir(path_of("05-a.conflist")), 0);
}

static void status_takes_any_entry(void **state)
{
	struct weir_error err = { "" };
	struct weir_chain chain;

	put("10-a.conf", "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"ptp\"}");
	assert_int_equal(weir_chain_look(dir, NULL, &chain, &err), 0);
	assert_int_equal(chain.state, WEIR_CHAIN_MISSING);
	install();
	assert_int_equal(weir_chain_look(dir, NULL, &chain, &err), 0);
	assert_int_equal(chain.state, WEIR_CHAIN_IN_SYNC);
	assert_int_equal(weir_chain_look(dir, "{\"type\":\"weir\",\"a\":1}", &chain, &err), 0);
	assert_int_equal(chain.state, WEIR_CHAIN_OUT_OF_DATE);
	put("10-a.conf", "{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"type\":\"ptp\"}");
	assert_int_equal(weir_chain_look(dir, NULL, &chain, &err), 0);
	assert_int_equal(chain.state, WEIR_CHAIN_OUT_OF_DATE);
}

static void never_more_readable(void **state)
{
	static const struct {
		mode_t mode;
		bool other_group;
		mode_t like;
		bool same;
	} access[] = {
		{ 0600, false, 0600, true },  { 0644, false, 0600, false },
		{ 0600, false, 0644, false }, { 0640, true, 0640, false },
		{ 0600, true, 0640, true },   { 0644, true, 0664, true },
		{ 0604, true, 0604, true },   { 0644, true, 0604, false },
	};

	for (size_t i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
		struct stat file = { .st_mode = S_IFREG | access[i].mode,
				     .st_uid = geteuid(),
				     .st_gid = getegid() };
		struct stat like = { .st_mode = S_IFREG | access[i].like,
				     .st_uid = geteuid(),
				     .st_gid = getegid() + access[i].other_group };

		if (weir_chain_same_access(&file, &like) != access[i].same)
			fail_msg("%o like %o", access[i].mode, access[i].like);
	}
}

static void the_primary_becomes_secret(void **state)
{
	struct stat st;

	put("10-a.conflist", LIST("x"));
	install();
	assert_int_equal(chmod(path_of("10-a.conflist"), 0640), 0);
	assert_int_equal(install().state, WEIR_CHAIN_IN_SYNC);
	assert_int_equal(stat(path_of(OURS), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void two_at_a_time(void **state)
{
	struct weir_error err = { "" };
	int writing;

	put("10-a.conflist", LIST("x"));
	put(".00-weir.conflist.12345678.weir-tmp", "somebody is writing");
	writing = open(path_of(".00-weir.conflist.12345678.weir-tmp"), O_WRONLY);
	assert_int_equal(flock(writing, LOCK_EX), 0);
	assert_int_equal(install().state, WEIR_CHAIN_IN_SYNC);
	assert_int_equal(count_files(), 3);
	close(writing);
	assert_int_equal(weir_chain_remove(dir, &err), 0);
	assert_int_equal(count_files(), 1);
}

static void others_are_left_alone(void **state)
{
	struct weir_error err = { "" };
	struct weir_chain chain;

	/* a user's file with our name is the primary like any other */
	put(OURS, LIST("mine"));
	chain = install();
	assert_string_equal(chain.primary, OURS);
	assert_string_equal(chain.ours, "00-00-weir.conflist");
	assert_int_equal(weir_chain_remove(dir, &err), 0);
	assert_text(OURS, LIST("mine"));
	assert_int_equal(count_files(), 1);
}

static void mode_and_leftovers(void **state)
{
	struct weir_error err = { "" };
	struct stat st;

	put("10-a.conflist", LIST("x"));
	chmod(path_of("10-a.conflist"), 0600);
	put(".00-weir.conflist.weir-tmp", "half");
	install();
	assert_int_equal(stat(path_of(OURS), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_files(), 2);
	/* nothing to do: not even the file is another */
	{
		ino_t before = st.st_ino;

		install();
		assert_int_equal(stat(path_of(OURS), &st), 0);
		assert_int_equal(st.st_ino, before);
	}
	put(".00-weir.conflist.weir-tmp", "half");
	assert_int_equal(weir_chain_remove(dir, &err), 0);
	assert_int_equal(count_files(), 1);
}

static void an_orphan_may_stay(void **state)
{
	struct weir_error err = { "" };
	struct weir_chain chain;

	put("10-a.conflist", LIST("x"));
	install();
	unlink(path_of("10-a.conflist"));
	assert_int_equal(weir_chain_install(dir, ENTRY, true, &chain, &err), 0);
	assert_int_equal(chain.state, WEIR_CHAIN_NO_PRIMARY);
	assert_string_equal(chain.ours, OURS);
	chain = install();
	assert_string_equal(chain.ours, "");
}

static void plugin_is_replaced(void **state)
{
	struct weir_error err = { "" };
	struct stat st;

	put("new", "program");
	put("weir", "older");
	assert_int_equal(weir_chain_copy_plugin(path_of("new"), dir, &err), 0);
	assert_text("weir", "program");
	assert_int_equal(stat(path_of("weir"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(weir_chain_copy_plugin("/nowhere", dir, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_file, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_the_primary, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_file_before_the_primary, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_runtime_passes_over, setup, teardown),
		cmocka_unit_test_setup_teardown(status_takes_any_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(never_more_readable, setup, teardown),
		cmocka_unit_test_setup_teardown(the_primary_becomes_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(two_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(others_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(mode_and_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(an_orphan_may_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(plugin_is_replaced, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
