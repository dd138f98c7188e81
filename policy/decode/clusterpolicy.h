/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Cluster-wide policies (API reference of policy.networking.k8s.io): the
 * subject, the rules and their peers are the same in all versions; what
 * differs is in the form of a kind.
 */
#include "policy/decode/policy.h"

enum { WEIR_CLUSTER_ITEMS_MAX = 25 }; /* networks, domain names of a peer */

struct weir_cluster_form {
	struct weir_policy_form form; /* first */
	const char *const *fields;    /* of spec */
	const char *const *actions;   /* by enum weir_action; NULL: it has none of these */
	const char *ports_field;
	uint16_t list_max; /* rules of a direction, peers and ports of a rule */
	bool has_domains;
	/* Tier and priority. */
	int (*decode_rank)(struct weir_decoder *d, const struct weir_path *path, const cJSON *spec,
			   struct weir_policy *p);
	/* Appends to the ports of the rule, at most ports_each; a kind of port that is not
	 * known closes the rule. */
	int (*decode_port)(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			   struct weir_rule *rule);
	uint16_t ports_each;
};

int weir_cluster_decode_spec(struct weir_decoder *d, const struct weir_policy_form *self,
			     const struct weir_path *path, const cJSON *spec,
			     struct weir_policy *p);
int weir_cluster_decode_priority(struct weir_decoder *d, const struct weir_path *path,
				 const cJSON *spec, int32_t *ret);
/* {"namespaceSelector","podSelector"}: of a subject, or of a peer. */
int weir_cluster_decode_pods(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *json, struct weir_selector *ret_namespaces,
			     struct weir_selector *ret_pods);
/* All peers of the list at path. */
int weir_cluster_decode_peers(struct weir_decoder *d, const struct weir_cluster_form *form,
			      const struct weir_path *path, const cJSON *list,
			      struct weir_rule *rule);
/* A list that must be there, with 1..max items. */
int weir_cluster_list(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		      const char *key, unsigned max, const cJSON **ret);
/* An object of which exactly one field is set. NULL: none of known (NULL-ended) is, or
 * another is: a server whose version is newer has more of them. */
int weir_cluster_choice(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			const char *const *known, const cJSON **ret);
/* first..last of protocol, or the name in each protocol. */
int weir_cluster_add_range(struct weir_decoder *d, const struct weir_path *path, const cJSON *first,
			   const cJSON *last, uint8_t protocol, struct weir_rule *rule);
int weir_cluster_add_name(struct weir_decoder *d, const struct weir_path *path, const cJSON *name,
			  struct weir_rule *rule);
