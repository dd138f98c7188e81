/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cJSON as YAML, through libyaml. Strings that a YAML reader would take for
 * something else are quoted, so that what is read back equals what was written.
 */
#include "cli/weirctl.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "weir/cleanup.h"

static int emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
	return yaml_emitter_emit(emitter, event) ? 0 : -EIO;
}

/* Words of YAML 1.1 and 1.2 that are no strings when they stand alone. */
static bool is_word(const char *text)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no",   "on",
					     "off",  "y",     "n",    "~",   ".inf", ".nan" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool needs_quotes(const char *text)
{
	return !*text || is_word(text) || strchr("0123456789+-.=<", *text);
}

static int emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	if (!yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
					  (int)strlen(text), 1, 1, style))
		return -EINVAL;
	return emit(emitter, &event);
}

static int emit_string(yaml_emitter_t *emitter, const char *text)
{
	yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;

	if (strchr(text, '\n'))
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (needs_quotes(text))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return emit_scalar(emitter, text, style);
}

static int emit_number(yaml_emitter_t *emitter, double value)
{
	char buf[40];

	if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
		snprintf(buf, sizeof(buf), "%.0f", value);
	else
		snprintf(buf, sizeof(buf), "%.17g", value);
	return emit_scalar(emitter, buf, YAML_PLAIN_SCALAR_STYLE);
}

static int emit_node(yaml_emitter_t *emitter, const cJSON *json);

static int emit_members(yaml_emitter_t *emitter, const cJSON *json)
{
	const cJSON *item;
	int r;

	cJSON_ArrayForEach (item, json) {
		if (cJSON_IsObject(json)) {
			r = emit_string(emitter, item->string);
			if (r < 0)
				return r;
		}
		r = emit_node(emitter, item);
		if (r < 0)
			return r;
	}
	return 0;
}

static int emit_container(yaml_emitter_t *emitter, const cJSON *json)
{
	bool object = cJSON_IsObject(json);
	yaml_event_t event;
	int r;

	if (object)
		r = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
							json->child ? YAML_BLOCK_MAPPING_STYLE
								    : YAML_FLOW_MAPPING_STYLE);
	else
		r = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							 json->child ? YAML_BLOCK_SEQUENCE_STYLE
								     : YAML_FLOW_SEQUENCE_STYLE);
	if (!r)
		return -ENOMEM;
	r = emit(emitter, &event);
	if (r == 0)
		r = emit_members(emitter, json);
	if (r < 0)
		return r;
	if (!(object ? yaml_mapping_end_event_initialize(&event)
		     : yaml_sequence_end_event_initialize(&event)))
		return -ENOMEM;
	return emit(emitter, &event);
}

static int emit_node(yaml_emitter_t *emitter, const cJSON *json)
{
	if (cJSON_IsObject(json) || cJSON_IsArray(json))
		return emit_container(emitter, json);
	if (cJSON_IsString(json))
		return emit_string(emitter, json->valuestring);
	if (cJSON_IsNumber(json))
		return emit_number(emitter, json->valuedouble);
	return emit_scalar(emitter,
			   cJSON_IsTrue(json)	 ? "true"
			   : cJSON_IsFalse(json) ? "false"
						 : "null",
			   YAML_PLAIN_SCALAR_STYLE);
}

static int emit_document(yaml_emitter_t *emitter, const cJSON *json)
{
	yaml_event_t event;
	int r;

	if (!yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) ||
	    (r = emit(emitter, &event)) < 0)
		return -ENOMEM;
	if (!yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) ||
	    (r = emit(emitter, &event)) < 0)
		return -ENOMEM;
	r = emit_node(emitter, json);
	if (r < 0)
		return r;
	if (!yaml_document_end_event_initialize(&event, 1) || (r = emit(emitter, &event)) < 0)
		return -ENOMEM;
	if (!yaml_stream_end_event_initialize(&event))
		return -ENOMEM;
	return emit(emitter, &event);
}

int weirctl_yaml(const cJSON *json, FILE *out, struct weir_error *err)
{
	yaml_emitter_t emitter;
	int r;

	if (!yaml_emitter_initialize(&emitter))
		return weir_error_set(err, ENOMEM, "out of memory");
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	r = emit_document(&emitter, json);
	if (r < 0)
		weir_error_errno(err, -r, "YAML: %s", emitter.problem ?: "cannot write");
	yaml_emitter_delete(&emitter);
	return r;
}
