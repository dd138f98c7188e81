/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What judge.c and explain.c share. */
#include "policy/state.h"

const struct weir_port_verdict *weir_class_port(const struct weir_class *k, uint8_t protocol,
						uint16_t port);
/* Sets verdict, reason and rule. */
void weir_class_decide(const struct weir_class *k, const struct weir_connection *conn,
		       struct weir_decision *ret);
const struct pod *weir_pod_at(const struct weir_compiler *c, const struct weir_addr *addr);
const struct identity *weir_identity_at(const struct weir_compiler *c,
					const struct weir_addr *addr);
void weir_judge_side(const struct weir_compiler *c, const struct weir_connection *conn,
		     int direction, struct weir_decision *ret);
bool weir_judge_self(const struct weir_compiler *c, const struct weir_connection *conn,
		     struct weir_judgement *ret);
/* The verdict of the whole from its sides. */
void weir_judge_both(struct weir_judgement *j);
