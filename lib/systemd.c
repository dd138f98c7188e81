/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify(3), and the watchdog: fed by the event loop, so that a loop that
 * hangs is noticed. Called by the main.c of each daemon. */
#include "weir/systemd.h"

#include "config.h"

#if WEIR_HAVE_SYSTEMD
#include <stdint.h>
#include <systemd/sd-daemon.h>

static uv_timer_t watchdog;

static void feed(uv_timer_t *timer)
{
	sd_notify(0, "WATCHDOG=1");
}

void weir_systemd_ready(uv_loop_t *loop, const char *status)
{
	uint64_t us;

	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
	if (sd_watchdog_enabled(0, &us) <= 0)
		return;
	uv_timer_init(loop, &watchdog);
	uv_unref((uv_handle_t *)&watchdog);
	uv_timer_start(&watchdog, feed, 0, us / 3000);
}

void weir_systemd_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
#else
void weir_systemd_ready(uv_loop_t *loop, const char *status)
{
}

void weir_systemd_stopping(void)
{
}
#endif
