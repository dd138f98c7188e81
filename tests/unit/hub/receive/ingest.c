/* SPDX-License-Identifier: Apache-2.0 */
/* In place of hub/ingest: keeps what is expected of each boot, and what it was told. */
#include "hub/ingest/ingest.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/hub/receive/peer.h"
#include "weir/wire.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char node[64], boot[WEIR_LINK_BOOT_MAX];
	uint64_t next;
	bool up;
} boots[64];
static size_t n_boots, n_lost;
static uint64_t n_taken;
static struct fake_lost last_lost;
static bool known_nodes;
static int fixed_answer;
static struct weir_receive *store;

void fake_reset(bool known)
{
	pthread_mutex_lock(&lock);
	memset(boots, 0, sizeof(boots));
	n_boots = n_lost = 0;
	n_taken = 0;
	known_nodes = known;
	fixed_answer = 0;
	store = NULL;
	pthread_mutex_unlock(&lock);
}

void fake_answer(int answer)
{
	pthread_mutex_lock(&lock);
	fixed_answer = answer;
	pthread_mutex_unlock(&lock);
}

void fake_store(struct weir_receive *receive)
{
	pthread_mutex_lock(&lock);
	store = receive;
	pthread_mutex_unlock(&lock);
}

static size_t find(const char *node, const char *boot)
{
	size_t i = 0;

	while (i < n_boots && (strcmp(boots[i].node, node) || strcmp(boots[i].boot, boot)))
		i++;
	if (i == n_boots && n_boots + 1 < 64) {
		snprintf(boots[i].node, sizeof(boots[i].node), "%s", node);
		snprintf(boots[i].boot, sizeof(boots[i].boot), "%s", boot);
		n_boots++;
	}
	return i;
}

uint64_t fake_next(const char *node, const char *boot)
{
	uint64_t next;

	pthread_mutex_lock(&lock);
	next = boots[find(node, boot)].next;
	pthread_mutex_unlock(&lock);
	return next;
}

void fake_set_next(const char *node, const char *boot, uint64_t next)
{
	pthread_mutex_lock(&lock);
	boots[find(node, boot)].next = next;
	pthread_mutex_unlock(&lock);
}

size_t fake_lost(struct fake_lost *ret)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = n_lost;
	*ret = last_lost;
	pthread_mutex_unlock(&lock);
	return n;
}

uint64_t fake_taken(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = n_taken;
	pthread_mutex_unlock(&lock);
	return n;
}

bool fake_is_up(const char *node)
{
	bool up;

	pthread_mutex_lock(&lock);
	up = boots[find(node, "")].up;
	pthread_mutex_unlock(&lock);
	return up;
}

uint64_t weir_ingest_next(struct weir_ingest *ingest, const char *cluster, const char *node,
			  const char *boot, bool *ret_known)
{
	*ret_known = known_nodes;
	return fake_next(node, boot);
}

int weir_ingest_batch(struct weir_ingest *ingest, const char *cluster, const char *node,
		      const uint8_t *msg, size_t len, uint64_t *ret_expected,
		      struct weir_error *err)
{
	struct weir_batch_header peek, header;
	struct weir_batch_names names;
	struct weir_receive *to;
	uint64_t *next;
	int r = fixed_answer;

	if (weir_batch_read_header(msg, len, &peek, &names, err) < 0 ||
	    weir_batch_decode(msg, len, &header, NULL, NULL, err) < 0)
		return -EBADMSG;
	pthread_mutex_lock(&lock);
	next = &boots[find(node, peek.boot)].next;
	*ret_expected = *next;
	if (r == 0 && *next && peek.first_seq + peek.records <= *next && peek.records)
		r = -EALREADY;
	else if (r == 0 && *next && peek.first_seq > *next)
		r = -EAGAIN;
	if (r == 0) {
		n_taken += peek.first_seq + peek.records - (*next ? *next : peek.first_seq);
		*next = peek.first_seq + peek.records;
	}
	to = r == 0 && peek.records ? store : NULL;
	pthread_mutex_unlock(&lock);
	if (to)
		weir_receive_stored(to, cluster, node, peek.boot, peek.first_seq + peek.records);
	return r;
}

int weir_ingest_lost(struct weir_ingest *ingest, const char *cluster, const char *node,
		     const char *boot, uint64_t from, uint64_t to, struct weir_error *err)
{
	pthread_mutex_lock(&lock);
	n_lost++;
	last_lost = (struct fake_lost){ .from = from, .to = to };
	snprintf(last_lost.node, sizeof(last_lost.node), "%s", node);
	snprintf(last_lost.boot, sizeof(last_lost.boot), "%s", boot);
	boots[find(node, boot)].next = to + 1;
	pthread_mutex_unlock(&lock);
	return 0;
}

void weir_ingest_node_up(struct weir_ingest *ingest, const char *cluster, const char *node, bool up)
{
	pthread_mutex_lock(&lock);
	boots[find(node, "")].up = up;
	pthread_mutex_unlock(&lock);
}
