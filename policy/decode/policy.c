/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of every kind of policy: apiVersion, metadata (metav1.ObjectMeta)
 * and the mode in an annotation; what is inside spec is its form's business. */
#include "policy/decode/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define MODE_ANNOTATION "weir.dev/mode"

int weir_policy_decode_cidr(struct weir_decoder *d, const struct weir_path *path, const char *text,
			    struct weir_prefix *ret)
{
	if (!text || weir_prefix_parse(text, false, ret) < 0)
		return weir_field_error(d, path,
					"\"%.60s\" is not a CIDR (want e.g. 10.0.0.0/8 "
					"or 2001:db8::/32)",
					text ? text : "");
	return 0;
}

/* --- the frame ---------------------------------------------------------------- */

static int decode_mode(struct weir_decoder *d, const cJSON *metadata, struct weir_policy *p)
{
	struct weir_path root = weir_path_root(), meta = weir_path_key(&root, "metadata");
	struct weir_path path = weir_path_key(&meta, "annotations");
	const cJSON *annotations = NULL;
	const char *mode = NULL;
	int r = weir_field_object(d, &meta, metadata, "annotations", &annotations);

	if (r == 0)
		r = weir_field_text(d, &path, annotations, MODE_ANNOTATION, &mode);
	if (r < 0)
		return r;
	if (mode && strcmp(mode, "staged") != 0 && strcmp(mode, "enforced") != 0)
		return weir_field_error(
			d, &path, MODE_ANNOTATION ": \"%.40s\" is not staged or enforced", mode);
	p->staged = mode && strcmp(mode, "staged") == 0;
	return 0;
}

/* metav1.ObjectMeta: a misspelt "namespace" would protect another namespace. */
static const char *const object_meta[] = {
	"annotations",
	"clusterName",
	"creationTimestamp",
	"deletionGracePeriodSeconds",
	"deletionTimestamp",
	"finalizers",
	"generateName",
	"generation",
	"labels",
	"managedFields",
	"name",
	"namespace",
	"ownerReferences",
	"resourceVersion",
	"selfLink",
	"uid",
	NULL,
};

#define GENERATION_MAX 9007199254740991.0 /* a double's last whole number: 2^53 - 1 */

static int decode_name(struct weir_decoder *d, const struct weir_policy_form *form,
		       const struct weir_path *path, const cJSON *json, struct weir_policy *p)
{
	int r = weir_field_name(d, json, form->namespaced ? &p->namespace_ : NULL, &p->name);

	if (r == 0 && !form->namespaced && weir_field(weir_field(json, "metadata"), "namespace"))
		return weir_field_error(d, path,
					"namespace is set, but a %s is of the whole cluster: "
					"select namespaces in spec.subject",
					form->kind);
	return r;
}

static int decode_metadata(struct weir_decoder *d, const struct weir_policy_form *form,
			   const cJSON *json, struct weir_policy *p)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "metadata");
	const cJSON *metadata, *generation;
	int r = decode_name(d, form, &path, json, p);

	if (r < 0)
		return r;
	metadata = weir_field(json, "metadata");
	r = weir_field_known(d, &path, metadata, object_meta);
	if (r < 0)
		return r;
	generation = weir_field(metadata, "generation");
	if (cJSON_IsNumber(generation) && generation->valuedouble >= 0 &&
	    generation->valuedouble <= GENERATION_MAX)
		p->generation = (int64_t)generation->valuedouble;
	return decode_mode(d, metadata, p);
}

static int check_envelope(struct weir_decoder *d, const struct weir_policy_form *form,
			  const cJSON *json)
{
	static const char *const known[] = { "apiVersion", "kind",   "metadata",
					     "spec",	   "status", NULL };
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "apiVersion");
	const char *version = NULL;
	int r;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, &root, "want an object");
	r = weir_field_known(d, &root, json, known);
	if (r == 0)
		r = weir_field_text(d, &root, json, "apiVersion", &version);
	if (r == 0 && (!version || strcmp(version, form->api_version) != 0))
		return weir_field_error(d, &path, "\"%.60s\" is not known for a %s: want %s",
					version ? version : "", form->kind, form->api_version);
	return r;
}

static int decode_spec(struct weir_decoder *d, const struct weir_policy_form *form,
		       const cJSON *json, struct weir_policy *p)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "spec");
	const cJSON *spec = NULL;
	int r = weir_field_object(d, &root, json, "spec", &spec);

	if (r == 0 && !spec)
		return weir_field_error(d, &path, "is missing: a %s has at least spec: {%s}",
					form->kind, form->least);
	return r < 0 ? r : form->decode_spec(d, form, &path, spec, p);
}

/* --- words -------------------------------------------------------------------- */

static void put_peer_words(struct weir_pool *pool, const struct weir_peer *peer)
{
	switch ((enum weir_peer_kind)peer->kind) {
	case WEIR_PEER_PODS:
		weir_selector_put_words(pool, &peer->namespaces);
		weir_selector_put_words(pool, &peer->pods);
		break;
	case WEIR_PEER_NODES:
		weir_selector_put_words(pool, &peer->nodes);
		break;
	case WEIR_PEER_DOMAINS:
		for (unsigned i = 0; i < peer->n_names; i++)
			weir_pool_put_string(pool, peer->names[i]);
		break;
	case WEIR_PEER_PREFIX:
	case WEIR_PEER_KIND_MAX:
		break;
	}
}

void weir_policy_drop_terms(struct weir_pool *pool, struct weir_rule *rule)
{
	while (rule->n_peers)
		put_peer_words(pool, &rule->peers[--rule->n_peers]);
	while (rule->n_ports)
		weir_pool_put_string(pool, rule->ports[--rule->n_ports].name);
}

static void put_rule_words(struct weir_pool *pool, const struct weir_rule *rule)
{
	for (unsigned i = 0; i < rule->n_peers; i++)
		put_peer_words(pool, &rule->peers[i]);
	for (unsigned i = 0; i < rule->n_ports; i++)
		weir_pool_put_string(pool, rule->ports[i].name);
	weir_pool_put_string(pool, rule->name);
}

/* The words of a policy that may be half decoded. */
static void put_words(struct weir_pool *pool, const struct weir_policy *p)
{
	weir_selector_put_words(pool, &p->namespaces);
	weir_selector_put_words(pool, &p->pods);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (unsigned i = 0; i < p->n_rules[d]; i++)
			put_rule_words(pool, &p->rules[d][i]);
	}
	weir_pool_put_string(pool, p->kind);
	weir_pool_put_string(pool, p->namespace_);
	weir_pool_put_string(pool, p->name);
}

void weir_policy_free(struct weir_pool *pool, struct weir_policy **policy)
{
	if (!*policy)
		return;
	put_words(pool, *policy);
	free(weir_take(*policy));
}

/* --- the whole ------------------------------------------------------------------ */

static int decode_policy(struct weir_decoder *d, const cJSON *json,
			 const struct weir_policy_form *form, struct weir_policy *p)
{
	int r = check_envelope(d, form, json);

	if (r == 0)
		r = weir_field_string(d, form->kind, &p->kind);
	if (r == 0)
		r = decode_metadata(d, form, json, p);
	return r < 0 ? r : decode_spec(d, form, json, p);
}

int weir_policy_decode(struct weir_pool *pool, const cJSON *json,
		       const struct weir_policy_form *form, struct weir_policy **ret,
		       struct weir_error *err)
{
	WEIR_CLEANUP(weir_decoder_end) struct weir_decoder d = { .pool = pool, .err = err };
	struct weir_policy loose = { 0 };
	int r = decode_policy(&d, json, form, &loose);

	if (r == 0 && weir_policy_pack(&loose, ret) < 0)
		r = weir_error_set(err, ENOMEM, "out of memory");
	if (r < 0)
		put_words(pool, &loose);
	return r;
}
