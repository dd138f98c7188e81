/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metav1.LabelSelector: matchLabels become requirements "In" with one value;
 * requirements are kept in one order, so that equal selectors look equal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decode/fields.h"
#include "weir/cleanup.h"

static const char *const operators[] = {
	[WEIR_IN] = "In",
	[WEIR_NOT_IN] = "NotIn",
	[WEIR_EXISTS] = "Exists",
	[WEIR_DOES_NOT_EXIST] = "DoesNotExist",
};
_Static_assert(WEIR_ARRAY_SIZE(operators) == WEIR_OPERATOR_MAX, "a name for each operator");

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_requirements(const void *a, const void *b)
{
	const struct weir_requirement *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	if (r == 0)
		r = x->op - y->op;
	if (r == 0)
		r = x->n_values - y->n_values;
	for (unsigned i = 0; r == 0 && i < x->n_values; i++)
		r = strcmp(x->values[i], y->values[i]);
	return r;
}

void weir_selector_put_words(struct weir_pool *pool, const struct weir_selector *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct weir_requirement *q = &s->requirements[i];

		weir_pool_put_string(pool, q->key);
		for (unsigned j = 0; j < q->n_values; j++)
			weir_pool_put_string(pool, q->values[j]);
	}
}

static int decode_key(struct weir_decoder *d, const struct weir_path *path, const char *key,
		      struct weir_requirement *q)
{
	const char *want = weir_syntax_label_key(key);

	if (want)
		return weir_field_error(d, path, "key \"%.80s\": %s", key, want);
	return weir_field_string(d, key, &q->key);
}

static int add_value(struct weir_decoder *d, const struct weir_path *path, const cJSON *value,
		     struct weir_requirement *q)
{
	const char *want;
	int r;

	if (!cJSON_IsString(value))
		return weir_field_error(d, path, "want a string (put it in quotes)");
	want = weir_syntax_label_value(value->valuestring);
	if (want)
		return weir_field_error(d, path, "\"%.80s\": %s", value->valuestring, want);
	r = weir_field_string(d, value->valuestring, &q->values[q->n_values]);
	if (r == 0)
		q->n_values++;
	return r;
}

static int decode_match_label(struct weir_decoder *d, const struct weir_path *path,
			      const cJSON *label, struct weir_requirement *q)
{
	struct weir_path here = weir_path_key(path, label->string);
	int r = decode_key(d, path, label->string, q);

	if (r < 0)
		return r;
	q->op = WEIR_IN;
	q->values = weir_decoder_alloc(d, 1, sizeof(*q->values));
	if (!q->values)
		return -ENOMEM;
	return add_value(d, &here, label, q);
}

static int decode_operator(struct weir_decoder *d, const struct weir_path *path, const char *text,
			   uint8_t *ret)
{
	struct weir_path here = weir_path_key(path, "operator");

	for (unsigned i = 0; text && i < WEIR_OPERATOR_MAX; i++) {
		if (strcmp(text, operators[i]) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	return weir_field_error(d, &here, "%s%.40s%swant In, NotIn, Exists or DoesNotExist",
				text ? "\"" : "", text ? text : "", text ? "\": " : "");
}

static void sort_values(struct weir_pool *pool, struct weir_requirement *q)
{
	uint16_t kept = 0;

	if (q->n_values)
		qsort(q->values, q->n_values, sizeof(*q->values), compare_texts);
	for (uint16_t i = 0; i < q->n_values; i++) {
		if (kept && q->values[kept - 1] == q->values[i])
			weir_pool_put_string(pool, q->values[i]);
		else
			q->values[kept++] = q->values[i];
	}
	q->n_values = kept;
}

static int decode_values(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			 struct weir_requirement *q)
{
	struct weir_path here = weir_path_key(path, "values");
	bool wanted = q->op == WEIR_IN || q->op == WEIR_NOT_IN;
	const cJSON *values, *value;
	unsigned i = 0;
	int n, r = weir_field_array(d, path, json, "values", &values);

	if (r < 0)
		return r;
	n = cJSON_GetArraySize(values);
	if (wanted && n == 0)
		return weir_field_error(d, &here, "%s wants at least one value", operators[q->op]);
	if (!wanted && n > 0)
		return weir_field_error(d, &here, "%s takes no values", operators[q->op]);
	if (n > UINT16_MAX)
		return weir_field_error(d, &here, "more than %d values", UINT16_MAX);
	q->values = n ? weir_decoder_alloc(d, (size_t)n, sizeof(*q->values)) : NULL;
	if (n && !q->values)
		return -ENOMEM;
	cJSON_ArrayForEach (value, values) {
		struct weir_path at = weir_path_index(&here, i++);

		r = add_value(d, &at, value, q);
		if (r < 0)
			return r;
	}
	sort_values(d->pool, q);
	return 0;
}

static int decode_expression(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *json, struct weir_requirement *q)
{
	static const char *const known[] = { "key", "operator", "values", NULL };
	struct weir_path here = weir_path_key(path, "key");
	const char *key = NULL, *op = NULL;
	int r;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, path, "want an object with key, operator and values");
	r = weir_field_known(d, path, json, known);
	if (r == 0)
		r = weir_field_text(d, path, json, "key", &key);
	if (r == 0)
		r = weir_field_text(d, path, json, "operator", &op);
	if (r == 0)
		r = key ? decode_key(d, &here, key, q) : weir_field_error(d, &here, "is missing");
	if (r == 0)
		r = decode_operator(d, path, op, &q->op);
	if (r == 0)
		r = decode_values(d, path, json, q);
	return r;
}

static int decode_all(struct weir_decoder *d, const struct weir_path *path, const cJSON *labels,
		      const cJSON *expressions, struct weir_selector *s)
{
	struct weir_path in_labels = weir_path_key(path, "matchLabels");
	struct weir_path in_expressions = weir_path_key(path, "matchExpressions");
	const cJSON *child;
	unsigned i = 0;
	int r;

	cJSON_ArrayForEach (child, labels) {
		r = decode_match_label(d, &in_labels, child, &s->requirements[s->n++]);
		if (r < 0)
			return r;
	}
	cJSON_ArrayForEach (child, expressions) {
		struct weir_path at = weir_path_index(&in_expressions, i++);

		r = decode_expression(d, &at, child, &s->requirements[s->n++]);
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_selector_decode(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			 struct weir_selector *ret)
{
	static const char *const known[] = { "matchLabels", "matchExpressions", NULL };
	const cJSON *labels = NULL, *expressions = NULL;
	int n, r = weir_field_known(d, path, json, known);

	if (r == 0)
		r = weir_field_object(d, path, json, "matchLabels", &labels);
	if (r == 0)
		r = weir_field_array(d, path, json, "matchExpressions", &expressions);
	if (r < 0)
		return r;
	n = cJSON_GetArraySize(labels) + cJSON_GetArraySize(expressions);
	if (n > UINT16_MAX)
		return weir_field_error(d, path, "more than %d requirements", UINT16_MAX);
	if (n == 0)
		return 0;
	ret->requirements = weir_decoder_alloc(d, (size_t)n, sizeof(*ret->requirements));
	if (!ret->requirements)
		return -ENOMEM;
	r = decode_all(d, path, labels, expressions, ret);
	if (r == 0)
		qsort(ret->requirements, ret->n, sizeof(*ret->requirements), compare_requirements);
	return r;
}
