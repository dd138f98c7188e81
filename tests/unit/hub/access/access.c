/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-in against an issuer and an API server on loopback, with real keys; rules; the audit log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cjose/cjose.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hub/access/internal.h"
#include "weir/cleanup.h"

#include <cmocka.h>

static char folder[64], issuer[64], rules_file[128], audit_file[128];
static char token[WEIR_TOKEN_TEXT];
static cjose_jwk_t *rsa, *ec, *other;
static struct MHD_Daemon *server;
static unsigned key_fetches, reviews, asked_while_down;
static bool server_is_down, has_other, hostile_keys;

/* Of an issuer that wants to hurt */
static const char hostile[] = "{\"kty\":\"oct\",\"k\":\"-know=\"},"
			      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"-know=\",\"y\":\"c\"},"
			      "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},";

/* --- the issuer ------------------------------------------------------------------------------ */

static char *public_keys(void)
{
	char *a = cjose_jwk_to_json(rsa, false, NULL), *b = cjose_jwk_to_json(ec, false, NULL);
	char *c = cjose_jwk_to_json(other, false, NULL), *text;

	assert_true(asprintf(&text, "{\"keys\":[%s%s,%s%s%s]}", hostile_keys ? hostile : "", a, b,
			     has_other ? "," : "", has_other ? c : "") > 0);
	cjose_get_dealloc()(a);
	cjose_get_dealloc()(b);
	cjose_get_dealloc()(c);
	return text;
}

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, char *text)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result = MHD_queue_response(c, status, r);

	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	static char body[4096];
	static size_t len;
	char *text = NULL;

	if (!*state) {
		*state = body;
		len = 0;
		return MHD_YES;
	}
	if (*upload_size) {
		assert_true(len + *upload_size < sizeof(body));
		memcpy(body + len, upload, *upload_size);
		len += *upload_size;
		*upload_size = 0;
		return MHD_YES;
	}
	body[len] = 0;
	asked_while_down += server_is_down;
	if (server_is_down)
		return send_text(c, 503, strdup("down"));
	if (!strcmp(url, "/.well-known/openid-configuration")) {
		assert_true(asprintf(&text, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", issuer,
				     issuer) > 0);
	} else if (!strcmp(url, "/keys")) {
		key_fetches++;
		text = public_keys();
	} else if (strstr(url, "/tokenreviews")) {
		bool good = strstr(body, "\"kube-token\"") && strstr(body, "weir-hub");

		reviews++;
		text = strdup(
			good ? "{\"status\":{\"authenticated\":true,\"audiences\":[\"weir-hub\"],"
			       "\"user\":{\"username\":\"system:serviceaccount:shop:ci\","
			       "\"groups\":[\"system:serviceaccounts\"]}}}"
			     : "{\"status\":{\"authenticated\":false}}");
	}
	return text ? send_text(c, 200, text) : send_text(c, 404, strdup("no"));
}

/* --- tokens of the issuer -------------------------------------------------------------------- */

static char *sign(cjose_jwk_t *key, const char *algorithm, const char *kid, const char *claims)
{
	cjose_header_t *header = cjose_header_new(NULL);
	const char *text;
	cjose_jws_t *jws;
	char *copy;

	cjose_header_set(header, CJOSE_HDR_ALG, algorithm, NULL);
	if (kid)
		cjose_header_set(header, CJOSE_HDR_KID, kid, NULL);
	jws = cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), NULL);
	assert_non_null(jws);
	assert_true(cjose_jws_export(jws, &text, NULL));
	copy = strdup(text);
	cjose_jws_release(jws);
	cjose_header_release(header);
	return copy;
}

static char *claims(const char *iss, const char *aud, long expires)
{
	char *text;

	assert_true(asprintf(&text,
			     "{\"iss\":\"%s\",\"aud\":%s,\"exp\":%ld,\"iat\":%ld,\"sub\":\"ann\","
			     "\"groups\":[\"shop-devs\",\"system:masters\",\"all\"]}",
			     iss, aud, (long)time(NULL) + expires, (long)time(NULL)) > 0);
	return text;
}

static int sign_in(struct weir_access *a, const char *bearer, const char *from,
		   struct weir_person **ret, struct weir_error *err)
{
	char header[20000];

	snprintf(header, sizeof(header), "Bearer %s", bearer);
	return weir_access_sign_in(a, header, from, ret, err);
}

static void refused(struct weir_access *a, char *bearer, int code, const char *why)
{
	static int n;
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	char from[32];

	snprintf(from, sizeof(from), "192.0.2.%d", n++ % 250);
	assert_int_equal(sign_in(a, bearer, from, &p, &err), code);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_null(p);
	free(bearer);
}

/* --- life ------------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static void write_rules(const char *extra)
{
	char hash[WEIR_TOKEN_HASH], text[4096];

	assert_int_equal(weir_access_make_token(token, hash), 0);
	snprintf(text, sizeof(text),
		 "projects:\n"
		 "  web:\n"
		 "    parts: [{clusters: [east, west], namespaces: [shop, \"shop-*\"]}]\n"
		 "    workspaces: {front: [{clusters: [east], namespaces: [shop]}]}\n"
		 "roles:\n"
		 "  watcher: {over: clusters, rights: [flows]}\n"
		 "bindings:\n"
		 "- {role: organisation-admin, users: [root]}\n"
		 "- {role: project-viewer, groups: [shop-devs], projects: [web]}\n"
		 "- {role: workspace-admin, users: [wim], workspaces: [web/front]}\n"
		 "- {role: watcher, users: [wim], clusters: [west]}\n"
		 "- {role: namespace-viewer, users: [\"system:serviceaccount:shop:ci\"], clusters: "
		 "[\"*\"], "
		 "namespaces: [ci]}\n"
		 "tokens:\n"
		 "- {user: wim, groups: [all], hash: \"%s\"}\n%s",
		 hash, extra);
	write_file(rules_file, text);
}

static struct weir_access *open_access(void)
{
	struct weir_access_config c = {
		.file = rules_file,
		.audit = audit_file,
		.oidc = { issuer, "weir", "sub", "groups", "" },
		.kubernetes = { issuer, "", "", "weir-hub" },
	};
	struct weir_access *a = NULL;
	struct weir_error err = { "" };

	if (weir_access_new(&c, &a, &err) < 0)
		fail_msg("%s", err.text);
	return a;
}

static int set_up(void **state)
{
	strcpy(folder, "/tmp/weir-t-access-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(rules_file, sizeof(rules_file), "%s/access.yaml", folder);
	snprintf(audit_file, sizeof(audit_file), "%s/audit.log", folder);
	server =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, NULL,
				 MHD_OPTION_SOCK_ADDR,
				 &(struct sockaddr_in){ .sin_family = AF_INET,
							.sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
				 MHD_OPTION_END);
	assert_non_null(server);
	snprintf(issuer, sizeof(issuer), "http://127.0.0.1:%u",
		 MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
	rsa = cjose_jwk_create_RSA_random(2048, NULL, 0, NULL);
	ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	other = cjose_jwk_create_RSA_random(2048, NULL, 0, NULL);
	cjose_jwk_set_kid(rsa, "one", 3, NULL);
	cjose_jwk_set_kid(ec, "two", 3, NULL);
	cjose_jwk_set_kid(other, "three", 5, NULL);
	server_is_down = has_other = hostile_keys = false;
	write_rules("");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	MHD_stop_daemon(server);
	cjose_jwk_release(rsa);
	cjose_jwk_release(ec);
	cjose_jwk_release(other);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_static_token(void **state)
{
	struct weir_access *a = open_access();
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	char wrong[WEIR_TOKEN_TEXT];

	assert_int_equal(sign_in(a, token, "192.0.2.1", &p, &err), 0);
	assert_string_equal(p->user, "wim");
	assert_true(weir_person_may(p, WEIR_RIGHT_FLOWS, "east", "shop"));
	assert_false(weir_person_may(p, WEIR_RIGHT_FLOWS, "east", "cart"));
	assert_true(weir_person_may(p, WEIR_RIGHT_FLOWS, "west", NULL)); /* the own role */
	assert_true(weir_person_may(p, WEIR_RIGHT_NAMESPACE_POLICIES, "east", "shop"));
	assert_false(weir_person_may(p, WEIR_RIGHT_NAMESPACE_POLICIES, "west", "shop"));
	assert_false(weir_person_may(p, WEIR_RIGHT_AUDIT, NULL, NULL));
	weir_person_free(&p);
	strcpy(wrong, token);
	wrong[20] = wrong[20] == 'A' ? 'B' : 'A';
	refused(a, strdup(wrong), -EACCES, "not known");
	refused(a, strdup(""), -EACCES, "sign in with");
	refused(a, strdup("weir_"), -EACCES, "not known");
	assert_int_equal(weir_access_sign_in(a, NULL, "192.0.2.1", &p, &err), -EACCES);
	assert_int_equal(weir_access_sign_in(a, "Basic abc", "192.0.2.1", &p, &err), -EACCES);
	weir_access_free(&a);
}

static void test_issuer(void **state)
{
	struct weir_access *a = open_access();
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	WEIR_AUTO_FREE char *good = claims(issuer, "\"weir\"", 600);
	WEIR_AUTO_FREE char *list = claims(issuer, "[\"x\",\"weir\"]", 600);
	WEIR_AUTO_FREE char *aud = claims(issuer, "\"other\"", 600);
	WEIR_AUTO_FREE char *old = claims(issuer, "\"weir\"", -600);
	WEIR_AUTO_FREE char *iss = claims("http://evil.invalid", "\"weir\"", 600);
	WEIR_AUTO_FREE char *t = sign(rsa, "RS256", "one", good);
	WEIR_AUTO_FREE char *e = sign(ec, "ES256", NULL, list);
	char *bent;

	key_fetches = 0;
	assert_int_equal(sign_in(a, t, "192.0.2.1", &p, &err), 0);
	assert_string_equal(p->user, "ann");
	assert_string_equal(p->method, "oidc");
	assert_int_equal(p->n_groups, 2);
	assert_true(weir_person_may(p, WEIR_RIGHT_FLOWS, "west", "shop-test"));
	assert_false(weir_person_may(p, WEIR_RIGHT_NAMESPACE_POLICIES, "west", "shop"));
	weir_person_free(&p);
	if (sign_in(a, e, "192.0.2.1", &p, &err) < 0)
		fail_msg("%s", err.text);
	weir_person_free(&p);
	assert_int_equal(key_fetches, 1);
	refused(a, sign(rsa, "RS256", "one", aud), -EACCES, "somebody else");
	refused(a, sign(rsa, "RS256", "one", old), -EACCES, "expired");
	refused(a, sign(rsa, "RS256", "one", iss), -EACCES, "not known");
	refused(a, sign(other, "RS256", "one", good), -EACCES, "not of its issuer");
	bent = strdup(t);
	bent[strlen(bent) - 10] ^= 1;
	refused(a, bent, -EACCES, "");
	assert_int_equal(key_fetches, 1); /* who guesses does not make us ask */
	weir_access_free(&a);
}

/* A token that says itself how it is to be checked. */
static void test_confusion(void **state)
{
	struct weir_access *a = open_access();
	WEIR_AUTO_FREE char *good = claims(issuer, "\"weir\"", 600);
	WEIR_AUTO_FREE char *pem = cjose_jwk_to_json(rsa, false, NULL);
	cjose_jwk_t *secret = cjose_jwk_create_oct_spec((const uint8_t *)pem, strlen(pem), NULL);
	char *none, *body;
	size_t len;

	refused(a, sign(secret, "HS256", "one", good), -EACCES, "not accepted");
	cjose_jwk_release(secret);
	assert_true(cjose_base64url_encode((const uint8_t *)good, strlen(good), &body, &len, NULL));
	assert_true(asprintf(&none, "eyJhbGciOiJub25lIn0.%s.", body) > 0);
	refused(a, none, -EACCES, "");
	cjose_get_dealloc()(body);
	weir_access_free(&a);
}

/* What libcjose would end the process for, and what would be somebody else's name. */
static void test_malformed(void **state)
{
	struct weir_access *a = open_access();
	WEIR_AUTO_FREE char *good = claims(issuer, "\"weir\"", 600);
	WEIR_AUTO_FREE char *t = sign(rsa, "RS256", "one", good);
	const char *at = strchr(t, '.');
	char *bent;

	hostile_keys = true;
	for (long i = -8; i < 8; i++) {
		bent = strdup(t);
		bent[at - t + i] = '=';
		refused(a, bent, -EACCES, "not known");
	}
	bent = strdup(t);
	bent[at - t + 1] = 0;
	refused(a, bent, -EACCES, "not known");
	refused(a, strdup("a.b.c"), -EACCES, "not known");
	refused(a, strdup("...."), -EACCES, "not known");
	for (size_t i = 0; i < 2; i++) {
		WEIR_AUTO_FREE char *named = NULL;

		assert_true(asprintf(&named, "{\"iss\":\"%s\",\"aud\":\"weir\",\"exp\":%ld,%s",
				     issuer, (long)time(NULL) + 600,
				     i ? "\"sub\":\"system:masters\"}"
				       : "\"sub\":\"root\\u0000x\"}") > 0);
		refused(a, sign(rsa, "RS256", "one", named), -EACCES,
			i ? "of Kubernetes" : "not known");
	}
	refused(a, sign(other, "RS256", "one", good), -EACCES, "not of its issuer");
	weir_access_free(&a);
}

/* A header that says that it is not to be read as it stands (RFC 7515, 4.1.11). */
static void test_critical(void **state)
{
	struct weir_access *a = open_access();
	WEIR_AUTO_FREE char *good = claims(issuer, "\"weir\"", 600);
	cjose_header_t *header = cjose_header_new(NULL);
	const char *text;
	cjose_jws_t *jws;

	cjose_header_set(header, CJOSE_HDR_ALG, "RS256", NULL);
	cjose_header_set_raw(header, "crit", "[\"exp\"]", NULL);
	jws = cjose_jws_sign(rsa, header, (const uint8_t *)good, strlen(good), NULL);
	assert_true(cjose_jws_export(jws, &text, NULL));
	refused(a, strdup(text), -EACCES, "not accepted");
	cjose_jws_release(jws);
	cjose_header_release(header);
	weir_access_free(&a);
}

/* Who sends tokens does not decide how often the issuer is asked. */
static void test_issuer_is_down(void **state)
{
	struct weir_access *a = open_access();
	WEIR_AUTO_FREE char *good = claims(issuer, "\"weir\"", 600);

	server_is_down = true;
	asked_while_down = 0;
	for (int i = 0; i < 5; i++)
		refused(a, sign(rsa, "RS256", "one", good), -EAGAIN, "503");
	assert_int_equal(asked_while_down, 1);
	weir_access_free(&a);
}

static void signs_in(struct weir_oidc *o, const char *t, uint64_t now, int want)
{
	struct weir_person *p = NULL;
	struct weir_error err = { "" };

	if (weir_oidc_sign_in(o, t, now, &p, &err) != want)
		fail_msg("%d: %s", want, err.text);
	weir_person_free(&p);
}

/* A key that is new is found; one that is withdrawn ends, once the issuer says so. */
static void test_rotation(void **state)
{
	struct weir_access_config c = { .oidc = { issuer, "weir", "sub", "groups", "" } };
	uint64_t now = (uint64_t)time(NULL);
	WEIR_AUTO_FREE char *good = claims(issuer, "\"weir\"", 36000);
	WEIR_AUTO_FREE char *first = sign(rsa, "RS256", "one", good);
	WEIR_AUTO_FREE char *next = sign(other, "RS256", "three", good);
	struct weir_oidc *o = NULL;

	assert_int_equal(weir_oidc_new(&c, &o), 0);
	key_fetches = 0;
	signs_in(o, first, now, 1);
	signs_in(o, next, now + 1, -EACCES);
	has_other = true;
	signs_in(o, next, now + 29, -EACCES); /* not asked again yet */
	assert_int_equal(key_fetches, 1);
	signs_in(o, next, now + 31, 1);
	assert_int_equal(key_fetches, 2);
	has_other = false;
	server_is_down = true;
	signs_in(o, next, now + 4000, 1); /* nobody says otherwise */
	signs_in(o, "a.b", now + 4000, 0);
	server_is_down = false;
	signs_in(o, next, now + 4040, -EACCES);
	signs_in(o, first, now + 4041, 1);
	weir_oidc_free(&o);
}

static void test_kubernetes(void **state)
{
	struct weir_access *a = open_access();
	struct weir_person *p = NULL;
	struct weir_error err = { "" };

	reviews = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sign_in(a, "kube-token", "192.0.2.1", &p, &err), 0);
		assert_string_equal(p->method, "kubernetes");
		assert_true(weir_person_may(p, WEIR_RIGHT_FLOWS, "any", "ci"));
		assert_false(weir_person_may(p, WEIR_RIGHT_FLOWS, "any", "shop"));
		weir_person_free(&p);
	}
	assert_int_equal(reviews, 1);
	refused(a, strdup("another"), -EACCES, "not known");
	server_is_down = true;
	refused(a, strdup("a third"), -EAGAIN, "503");
	weir_access_free(&a);
}

static void test_guessing(void **state)
{
	struct weir_access *a = open_access();
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	int r = 0;

	for (int i = 0; i < 40 && r != -EBUSY; i++)
		r = sign_in(a, "weir_guess", "198.51.100.1", &p, &err);
	assert_int_equal(r, -EBUSY);					  /* failures.c has more */
	assert_int_equal(sign_in(a, token, "198.51.100.2", &p, &err), 0); /* others are let in */
	weir_person_free(&p);
	weir_access_free(&a);
}

/* An error keeps what was in force. */
static void test_reload(void **state)
{
	struct weir_access *a = open_access();
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	char before[WEIR_TOKEN_TEXT];

	strcpy(before, token);
	write_file(rules_file, "bindings: [{role: nobody}]");
	assert_true(weir_access_reload(a, &err) < 0);
	assert_int_equal(sign_in(a, before, "192.0.2.1", &p, &err), 0);
	weir_person_free(&p);
	write_rules("");
	assert_int_equal(weir_access_reload(a, &err), 0);
	refused(a, strdup(before), -EACCES, "not known");
	chmod(rules_file, 0666);
	assert_int_equal(weir_access_reload(a, &err), -EPERM);
	weir_access_free(&a);
}

static void test_expired_token(void **state)
{
	struct weir_access *a;
	char text[512], hash[WEIR_TOKEN_HASH];

	weir_access_make_token(token, hash);
	snprintf(text, sizeof(text),
		 "tokens: [{user: a, hash: \"%s\", expires: \"2020-01-01T00:00:00Z\"}]", hash);
	write_file(rules_file, text);
	a = open_access();
	refused(a, strdup(token), -EACCES, "expired");
	weir_access_free(&a);
}

static int count_line(void *data, const char *json)
{
	cJSON *line = cJSON_Parse(json);

	assert_non_null(line);
	assert_non_null(cJSON_GetObjectItem(line, "before"));
	cJSON_Delete(line);
	++*(int *)data;
	return 0;
}

static void test_audit(void **state)
{
	struct weir_access *a = open_access();
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	uint64_t line = 99;
	char command[300];
	int n = 0;

	for (int i = 0; i < 5; i++) { /* one sign-in, whatever the requests */
		assert_int_equal(sign_in(a, token, "192.0.2.1", &p, &err), 0);
		weir_person_free(&p);
	}
	refused(a, strdup("weir_no"), -EACCES, "not known");
	assert_int_equal(weir_access_audit(a, "root", "x", "revoke", "east/n1\n\"", "done", &err),
			 0);
	weir_access_audit_read(a, 100, count_line, &n, &err);
	assert_int_equal(n, 3);
	weir_access_free(&a);
	a = open_access();
	weir_access_audit(a, "root", "x", "enrol", "east/n2", "done", &err);
	weir_access_free(&a);
	assert_int_equal(weir_audit_verify(audit_file, &line, &err), 0);
	assert_int_equal(line, 0);
	snprintf(command, sizeof(command), "sed -i 's/revoke/enrolx/' %s", audit_file);
	assert_int_equal(system(command), 0);
	assert_int_equal(weir_audit_verify(audit_file, &line, &err), 0);
	assert_int_equal(line, 4); /* the one behind it does not fit any more */
}

/* A change of who may what that cannot be written down is none. */
static void test_audit_before_reload(void **state)
{
	struct weir_access *a = open_access();
	struct rlimit all, none = { 0, RLIM_INFINITY };
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	char before[WEIR_TOKEN_TEXT];

	strcpy(before, token);
	write_rules("");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	none.rlim_max = all.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	assert_true(weir_access_reload(a, &err) < 0);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_int_equal(sign_in(a, before, "192.0.2.1", &p, &err), 0);
	weir_person_free(&p);
	refused(a, strdup(token), -EACCES, "not known");
	weir_access_free(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_static_token),
		TEST(test_issuer),
		TEST(test_confusion),
		TEST(test_issuer_is_down),
		TEST(test_kubernetes),
		TEST(test_guessing),
		TEST(test_reload),
		TEST(test_expired_token),
		TEST(test_audit),
		TEST(test_malformed),
		TEST(test_critical),
		TEST(test_rotation),
		TEST(test_audit_before_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
