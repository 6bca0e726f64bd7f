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
static double *delays;      /* of every sighting */
static size_t delay_count, delay_room;
static double window_start; /* only enters after this moment count */

static void note_seen(int k) {
    if (k < 0 || k >= entered || sent_at[k] < window_start) return;
    if (delay_count == delay_room) delays = realloc(delays, (delay_room = delay_room * 2 + 4096) * sizeof *delays);
    delays[delay_count++] = now_s() - sent_at[k];
}

static void look_for_marks(const uint8_t *text, size_t size) {
    const uint8_t *end = text + size;
    while ((text = memmem(text, (size_t)(end - text), "\"k\":", 4))) {
        text += 4;
        int k = 0;
        while (text < end && *text >= '0' && *text <= '9') k = k * 10 + (*text++ - '0');
        note_seen(k);
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
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

/* An enter that a sampled watcher never saw took at least as long as we waited for it; so the percentiles of a server that
 * cannot keep up are lower bounds, and `unseen` says so. */
static double percentile(double part, size_t expected, double waited_s) {
    size_t at = (size_t)(part * (double)expected);
    return at < delay_count ? delays[at] : waited_s;
}

void phase_storm(int watchers, double seconds, double per_s, double stay_s, int sampled, const char *enter, const char *leave) {
    const double warm_s = 1.0;
    int step = watchers / sampled;
    sent_at = calloc((size_t)((seconds + warm_s) * per_s) + 16, sizeof *sent_at);
    for (int i = 0; i < sampled; i++) connections[i * step].sampled = true;
    on_sampled_text = look_for_marks;

    double start = now_s();
    window_start = start + warm_s;
    while (now_s() < window_start) churn(start, per_s, stay_s, watchers, true, enter, leave), pump(1);
    int first = entered;
    struct tally before = tally;
    double server_s = cpu_s(server_pid), own_s = cpu_s(0), end = window_start + seconds;
    while (now_s() < end) churn(start, per_s, stay_s, watchers, true, enter, leave), pump(1);
    double took_s = now_s() - window_start;
    struct tally after = tally;
    server_s = cpu_s(server_pid) - server_s;
    own_s = cpu_s(0) - own_s;
    while (now_s() < end + DRAIN_S) churn(start, per_s, stay_s, watchers, false, enter, leave), pump(1);

    size_t expected = (size_t)(entered - first) * (size_t)sampled;
    qsort(delays, delay_count, sizeof *delays, by_size);
    printf("{\"seconds\": %.6f, \"server_cpu_s\": %.6f, \"load_cpu_s\": %.6f, \"frames\": %lu, \"bytes\": %lu, \"closed\": %lu, "
           "\"blocked\": %lu, \"entered\": %d, \"expected\": %zu, \"seen\": %zu, \"p50_s\": %.6f, \"p99_s\": %.6f}\n",
           took_s, server_s, own_s, after.frames - before.frames, after.bytes - before.bytes, after.closed - before.closed,
           after.blocked - before.blocked, entered - first, expected, delay_count, percentile(0.5, expected, seconds + DRAIN_S),
           percentile(0.99, expected, seconds + DRAIN_S));
    on_sampled_text = NULL;
}
