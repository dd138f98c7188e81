/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the API server is and who we are to it: from a kubeconfig (v1, YAML or
 * JSON; the current context counts) or from the service account that the
 * kubelet puts into each pod.
 */
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

/* A file of the user's, or the text itself; both NULL: neither is given. */
struct weir_kube_secret {
	char *file, *data; /* data: PEM */
};

struct weir_kube_config {
	char *server; /* "https://10.96.0.1:443", without a slash at the end */
	bool insecure;
	char *tls_server_name; /* NULL: the host of server */
	struct weir_kube_secret ca, cert, key;
	char *token, *token_file; /* the file counts when both are given */
};

/* text: of a file called path; files that it names are relative to path. */
int weir_kubeconfig_parse(const char *text, size_t len, const char *path,
			  struct weir_kube_config *ret, struct weir_error *err);
int weir_kubeconfig_read(const char *path, struct weir_kube_config *ret, struct weir_error *err);
/* From the environment and the files of the service account (in folder). */
int weir_kubeconfig_in_cluster(const char *folder, struct weir_kube_config *ret,
			       struct weir_error *err);
void weir_kube_config_clear(struct weir_kube_config *config);

/* malloc'd; the first line of a token file without white space around it. */
int weir_kube_read_token(const char *path, char **ret, struct weir_error *err);
/* malloc'd; a file of certificates or of a key. */
int weir_kube_read_pem(const char *path, char **ret, struct weir_error *err);
