/* The presence storm: connections up to `watchers` watch one room; the others take turns to enter it and leave it again.
 * Each enter carries a running number ("k":N) in its state. Sampled watchers look for it: from sent to seen. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DRAIN_S = 0.5;

static double *sent_at;     /* by number of the enter */
static int entered, left;
static double window_start; /* only enters after this moment count */

static void note_seen(struct connection *c, int k) {
    (void)c;
    if (k < entered && sent_at[k] >= window_start) delay_add(now_s() - sent_at[k]);
}

static void look_for_enters(struct connection *c, const uint8_t *text, size_t size) {
    marks_find(text, size, "\"k\":", note_seen, c);
}

static void churn(double start, double per_s, double stay_s, int watchers, bool open, const char *enter, const char *leave) {
    int churners = connection_count - watchers;
    char text[MAX_TEXT];
    double now = now_s();
    while (open && entered < (int)((now - start) * per_s)) {
        snprintf(text, sizeof text, enter, entered);
        sent_at[entered] = now_s();
        connection_send(&connections[watchers + entered++ % churners], text);
    }
    while (left < entered && sent_at[left] + stay_s <= now) connection_send(&connections[watchers + left++ % churners], leave);
}

void phase_storm(int watchers, double warm_s, double seconds, double per_s, double stay_s, int sampled, const char *enter,
                 const char *leave) {
    free(sent_at);
    sent_at = calloc((size_t)((seconds + warm_s) * per_s) + 16, sizeof *sent_at);
    entered = left = 0;
    for (int i = 0; i < sampled; i++) connections[i * (watchers / sampled)].sampled = true;
    on_sampled_text = look_for_enters;
    delays_clear();

    double start = now_s();
    window_start = start + warm_s;
    while (now_s() < window_start) churn(start, per_s, stay_s, watchers, true, enter, leave), pump(1);
    int first = entered;
    struct meter m = meter_start();
    double end = window_start + seconds;
    while (now_s() < end) churn(start, per_s, stay_s, watchers, true, enter, leave), pump(1);
    meter_write(&m);
    while (now_s() < end + DRAIN_S) churn(start, per_s, stay_s, watchers, false, enter, leave), pump(1);

    size_t expected = (size_t)(entered - first) * (size_t)sampled;
    printf(", \"all_entered\": %d, \"entered\": %d, \"expected\": %zu, \"seen\": %zu, \"p50_s\": %.6f, \"p99_s\": %.6f}\n", entered,
           entered - first, expected, delay_count(), delay_percentile(0.5, expected, seconds + DRAIN_S),
           delay_percentile(0.99, expected, seconds + DRAIN_S));
    on_sampled_text = NULL;
}
