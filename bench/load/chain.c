/* A lock from hand to hand: the first connection has it; whoever gets it gives it back at once, and waits for it again. Measured:
 * the time from each release to the next one's grant, and the frames that begin with the counted text, which everybody gets. */
#include "load.h"

#include <stdio.h>

static const double WARM_S = 0.3;

static const char *granted_text, *release_text, *acquire_text;
static struct connection *holder;
static double released_at;

static void give_back(struct connection *c) {
    holder = c;
    released_at = now_s();
    connection_send(c, release_text);
    connection_send(c, acquire_text);
}

static void on_granted(struct connection *c, const uint8_t *text, size_t size) {
    if (c == holder || !starts_with(text, size, granted_text)) return;
    delay_add(now_s() - released_at);
    give_back(c);
}

void phase_chain(double seconds, const char *granted, const char *release, const char *acquire) {
    granted_text = granted;
    release_text = release;
    acquire_text = acquire;
    on_sampled_text = on_granted;
    for (int i = 0; i < connection_count; i++) connections[i].sampled = true;
    double start = now_s();
    give_back(&connections[0]);
    while (now_s() < start + WARM_S) pump(1);
    delays_clear();
    struct meter m = meter_start();
    while (now_s() < m.start_s + seconds) pump(1);
    meter_write(&m);
    size_t hand_ons = delay_count();
    printf(", \"hand_ons\": %zu, \"p50_s\": %.6f, \"p99_s\": %.6f}\n", hand_ons, delay_percentile(0.5, hand_ons, seconds),
           delay_percentile(0.99, hand_ons, seconds));
    on_sampled_text = NULL;
}
