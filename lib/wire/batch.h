/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the encoder and the decoder of batch.v1 agree on; docs/WIRE.md says it in words. */

#define WEIR_BATCH_FORMAT  1
#define WEIR_BATCH_PARTS   6 /* format, header, strings, names, sides, records */
#define WEIR_HEADER_FIELDS 6
#define WEIR_NAME_FIELDS   7
#define WEIR_SIDE_FIELDS   7

/* Positions in a record. Those behind WEIR_FIELD_INGRESS are optional: nil, or
 * left out at the end. */
enum weir_record_field {
	WEIR_FIELD_TYPE,
	WEIR_FIELD_TIME,  /* ns after the record before; the first: after the epoch */
	WEIR_FIELD_AGE,	  /* time - start in ns; nil: start not known */
	WEIR_FIELD_FLOW,  /* difference to the record before */
	WEIR_FIELD_FLAGS, /* WEIR_FLAGS_* */
	WEIR_FIELD_PROTOCOL,
	WEIR_FIELD_SRC, /* index in names */
	WEIR_FIELD_SRC_ADDR,
	WEIR_FIELD_SRC_PORT,
	WEIR_FIELD_DST,
	WEIR_FIELD_DST_ADDR,
	WEIR_FIELD_DST_PORT,
	WEIR_FIELD_EGRESS, /* index in sides */
	WEIR_FIELD_INGRESS,
	WEIR_FIELD_NAT,		/* [source address, port, destination address, port] */
	WEIR_FIELD_COUNTERS,	/* [packets, packets back, bytes, bytes back] */
	WEIR_FIELD_CONNECTIONS, /* absent: 1 */
	WEIR_FIELD_ICMP,	/* [type, code] */
	WEIR_FIELD_LOSS,	/* [where, how many] */
	WEIR_FIELD_STAGED, /* [egress, ingress] if staged policies were enforced; indexes in sides
			    */
	WEIR_FIELD_COUNTED, /* of the counters, in the same order: what earlier records of the
			       connection had */
	WEIR_FIELD_MAX
};

#define WEIR_FLAGS_VERDICT_BITS 2
#define WEIR_FLAGS_STAGED_SHIFT 2
#define WEIR_FLAGS_STAGED_BITS	2
#define WEIR_FLAGS_END_SHIFT	4
#define WEIR_FLAGS_END_BITS	3
#define WEIR_FLAGS_HAS_COUNTERS 0x80u
