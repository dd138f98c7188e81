/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig and service account. Called by server.c when weird starts. */
#include "daemon/kube/kubeconfig.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/kube/base64.h"
#include "weir/cleanup.h"
#include "weir/doc.h"

#define FILE_MAX (1 << 20)

/* --- files ------------------------------------------------------------------------ */

static int read_file(const char *path, char **ret, size_t *ret_len, struct weir_error *err)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	WEIR_AUTO_FREE char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return weir_error_set(err, EINVAL, "%s: is no file of at most %d bytes", path,
				      FILE_MAX);
	text = malloc(FILE_MAX + 1);
	if (!text)
		return weir_error_errno(err, ENOMEM, "%s", path);
	n = read(fd, text, FILE_MAX);
	if (n < 0)
		return weir_error_errno(err, errno, "%s", path);
	text[n] = 0;
	*ret = weir_take(text);
	*ret_len = (size_t)n;
	return 0;
}

int weir_kube_read_token(const char *path, char **ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t len, start;
	int r = read_file(path, &text, &len, err);

	if (r < 0)
		return r;
	start = strspn(text, " \t\r\n");
	len = strcspn(text + start, " \t\r\n");
	if (!len)
		return weir_error_set(err, EINVAL, "%s: has no token in it", path);
	*ret = strndup(text + start, len);
	return *ret ? 0 : weir_error_errno(err, ENOMEM, "%s", path);
}

static bool is_pem(const char *text)
{
	return strstr(text, "-----BEGIN ") != NULL;
}

int weir_kube_read_pem(const char *path, char **ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t len;
	int r = read_file(path, &text, &len, err);

	if (r < 0)
		return r;
	if (!is_pem(text))
		return weir_error_set(err, EINVAL, "%s: is no PEM file (-----BEGIN ...)", path);
	*ret = weir_take(text);
	return 0;
}

/* --- one kubeconfig ------------------------------------------------------------------ */

struct reader {
	const char *path;
	struct weir_error *err;
};

static const cJSON *member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_of(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(member(object, key));

	return text && *text ? text : NULL;
}

/* The item of this name in one of the lists, of which what (its member) counts. */
static int find_named(const struct reader *r, const cJSON *root, const char *list, const char *what,
		      const char *name, const cJSON **ret)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, member(root, list)) {
		const char *its = text_of(item, "name");

		if (!its || strcmp(its, name))
			continue;
		*ret = member(item, what);
		if (!cJSON_IsObject(*ret))
			return weir_error_set(r->err, EINVAL, "%s: %s \"%s\" has no %s", r->path,
					      list, name, what);
		return 0;
	}
	return weir_error_set(r->err, EINVAL, "%s: there is no \"%s\" in %s", r->path, name, list);
}

/* Files are named relative to the kubeconfig. */
static int take_path(const struct reader *r, const char *file, char **ret)
{
	const char *slash = strrchr(r->path, '/');
	int n;

	if (*file == '/' || !slash)
		n = asprintf(ret, "%s", file);
	else
		n = asprintf(ret, "%.*s/%s", (int)(slash - r->path), r->path, file);
	if (n < 0)
		*ret = NULL;
	return *ret ? 0 : weir_error_errno(r->err, ENOMEM, "%s", r->path);
}

/* *ret: lent, NULL when it is not given. */
static int get_text(const struct reader *r, const cJSON *object, const char *key, const char **ret)
{
	const cJSON *item = member(object, key);

	*ret = text_of(object, key);
	if (item && !cJSON_IsString(item) && !cJSON_IsNull(item))
		return weir_error_set(r->err, EINVAL, "%s: %s must be a string", r->path, key);
	return 0;
}

static int take_text(const struct reader *r, const cJSON *object, const char *key, char **ret)
{
	const char *text;
	int e = get_text(r, object, key, &text);

	if (e < 0)
		return e;
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? weir_error_errno(r->err, ENOMEM, "%s", r->path) : 0;
}

static int take_flag(const struct reader *r, const cJSON *object, const char *key, bool *ret)
{
	const cJSON *item = member(object, key);

	if (item && !cJSON_IsBool(item) && !cJSON_IsNull(item))
		return weir_error_set(r->err, EINVAL, "%s: %s must be true or false", r->path, key);
	*ret = cJSON_IsTrue(item);
	return 0;
}

/* KEY names a file, KEY-data holds it in base64 and counts before it. */
static int take_secret(const struct reader *r, const cJSON *object, const char *key,
		       struct weir_kube_secret *ret)
{
	char data_key[64];
	const char *file, *data;
	size_t len;
	int e = get_text(r, object, key, &file);

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	if (e == 0)
		e = get_text(r, object, data_key, &data);
	if (e < 0)
		return e;
	if (!data)
		return file ? take_path(r, file, &ret->file) : 0;
	e = weir_base64_decode(data, &ret->data, &len);
	if (e == -ENOMEM)
		return weir_error_errno(r->err, ENOMEM, "%s", r->path);
	if (e < 0 || !is_pem(ret->data))
		return weir_error_set(r->err, EINVAL, "%s: %s is not PEM in base64", r->path,
				      data_key);
	return 0;
}

/* https://HOST[:PORT][/PATH], and no more. */
static bool is_server(const char *url)
{
	size_t scheme = !strncmp(url, "https://", 8) ? 8 : !strncmp(url, "http://", 7) ? 7 : 0;

	if (!scheme || !url[scheme] || strchr("/:", url[scheme]))
		return false;
	for (const char *c = url; *c; c++) {
		if ((unsigned char)*c <= ' ' || strchr("?#@\177", *c))
			return false;
	}
	return true;
}

static int take_server(const struct reader *r, const cJSON *cluster, char **ret)
{
	int e = take_text(r, cluster, "server", ret);

	if (e < 0)
		return e;
	if (!*ret || !is_server(*ret))
		return weir_error_set(r->err, EINVAL,
				      "%s: server \"%s\" is no address (want https://HOST:PORT)",
				      r->path, *ret ? *ret : "");
	for (size_t len = strlen(*ret); (*ret)[len - 1] == '/'; len--)
		(*ret)[len - 1] = 0;
	return 0;
}

static int take_cluster(const struct reader *r, const cJSON *cluster, struct weir_kube_config *ret)
{
	int e = take_server(r, cluster, &ret->server);

	if (e == 0)
		e = take_flag(r, cluster, "insecure-skip-tls-verify", &ret->insecure);
	if (e == 0)
		e = take_text(r, cluster, "tls-server-name", &ret->tls_server_name);
	return e < 0 ? e : take_secret(r, cluster, "certificate-authority", &ret->ca);
}

/* Ways to sign in that would need another program to be run, or none at all. */
static int refuse_user(const struct reader *r, const cJSON *user)
{
	static const char *const not_ours[] = { "exec", "auth-provider", "username", "as" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(not_ours); i++) {
		if (member(user, not_ours[i]))
			return weir_error_set(r->err, ENOTSUP,
					      "%s: %s of the user is not supported: use token, "
					      "tokenFile or client-certificate",
					      r->path, not_ours[i]);
	}
	return 0;
}

static int take_user(const struct reader *r, const cJSON *user, struct weir_kube_config *ret)
{
	const char *file;
	int e = refuse_user(r, user);

	if (e == 0)
		e = get_text(r, user, "tokenFile", &file);
	if (e == 0)
		e = take_text(r, user, "token", &ret->token);
	if (e == 0 && file)
		e = take_path(r, file, &ret->token_file);
	if (e == 0)
		e = take_secret(r, user, "client-certificate", &ret->cert);
	if (e == 0)
		e = take_secret(r, user, "client-key", &ret->key);
	if (e == 0 && (ret->cert.file || ret->cert.data) != (ret->key.file || ret->key.data))
		e = weir_error_set(r->err, EINVAL,
				   "%s: client-certificate and client-key go together", r->path);
	return e;
}

static int take_context(const struct reader *r, const cJSON *root, struct weir_kube_config *ret)
{
	const char *current = text_of(root, "current-context"), *cluster_name, *user_name;
	const cJSON *context, *cluster, *user;
	int e;

	if (!current)
		return weir_error_set(r->err, EINVAL,
				      "%s: current-context is not set: it says which cluster",
				      r->path);
	e = find_named(r, root, "contexts", "context", current, &context);
	if (e < 0)
		return e;
	cluster_name = text_of(context, "cluster");
	user_name = text_of(context, "user");
	if (!cluster_name)
		return weir_error_set(r->err, EINVAL, "%s: context \"%s\" names no cluster",
				      r->path, current);
	e = find_named(r, root, "clusters", "cluster", cluster_name, &cluster);
	if (e == 0)
		e = take_cluster(r, cluster, ret);
	if (e < 0 || !user_name)
		return e;
	e = find_named(r, root, "users", "user", user_name, &user);
	return e < 0 ? e : take_user(r, user, ret);
}

int weir_kubeconfig_parse(const char *text, size_t len, const char *path,
			  struct weir_kube_config *ret, struct weir_error *err)
{
	struct reader r = { path, err };
	struct weir_kube_config config = { 0 };
	struct weir_doc **docs = NULL;
	size_t n = 0;
	int e = weir_docs_parse(text, len, path, &docs, &n, err);

	if (e < 0)
		return e;
	e = n == 1 ? take_context(&r, weir_doc_root(docs[0]), &config)
		   : weir_error_set(err, EINVAL, "%s: is not one kubeconfig", path);
	weir_docs_free(&docs, n);
	if (e < 0)
		weir_kube_config_clear(&config);
	*ret = config;
	return e;
}

int weir_kubeconfig_read(const char *path, struct weir_kube_config *ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t len;
	int e = read_file(path, &text, &len, err);

	return e < 0 ? e : weir_kubeconfig_parse(text, len, path, ret, err);
}

/* --- in a pod -------------------------------------------------------------------------- */

int weir_kubeconfig_in_cluster(const char *folder, struct weir_kube_config *ret,
			       struct weir_error *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
		   *port = getenv("KUBERNETES_SERVICE_PORT");
	bool six = host && strchr(host, ':');
	struct weir_kube_config config = { 0 };

	if (!host || !*host || !port || !*port)
		return weir_error_set(
			err, ENOENT,
			"weird does not run in a pod (KUBERNETES_SERVICE_HOST is not "
			"set): set source.kubernetes.kubeconfig, or source.files.path "
			"for a folder of manifests");
	if (asprintf(&config.server, "https://%s%s%s:%s", six ? "[" : "", host, six ? "]" : "",
		     port) < 0)
		config.server = NULL;
	if (asprintf(&config.ca.file, "%s/ca.crt", folder) < 0)
		config.ca.file = NULL;
	if (asprintf(&config.token_file, "%s/token", folder) < 0)
		config.token_file = NULL;
	if (!config.server || !config.ca.file || !config.token_file) {
		weir_kube_config_clear(&config);
		return weir_error_errno(err, ENOMEM, "%s", folder);
	}
	*ret = config;
	return 0;
}

static void clear_secret(struct weir_kube_secret *s)
{
	free(s->file);
	free(s->data);
}

void weir_kube_config_clear(struct weir_kube_config *config)
{
	free(config->server);
	free(config->tls_server_name);
	clear_secret(&config->ca);
	clear_secret(&config->cert);
	clear_secret(&config->key);
	free(config->token);
	free(config->token_file);
	*config = (struct weir_kube_config){ 0 };
}
