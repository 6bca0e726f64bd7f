/* Two commands in turns: each of the first `clients` connections sends the first, and when that is acknowledged the second, and
 * when that is acknowledged the first again. Measured: pairs that were completed, and the time to the first command's ack. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <string.h>

static const double WARM_S = 0.5, DRAIN_S = 1.0;

static const char *commands[2]; /* with ack ids 0 and 1 */
static double sent_at[MAX_CONNECTIONS];
static uint64_t pairs, refused;
static int waiting;
static bool open;

static void send_next(struct connection *c, int which) {
    int client = (int)(c - connections);
    char text[MAX_TEXT];
    snprintf(text, sizeof text, commands[which], client);
    if (which == 0) sent_at[client] = now_s();
    waiting++;
    connection_send(c, text);
}

static void on_ack(struct connection *c, const uint8_t *text, size_t size) {
    if (!starts_with(text, size, "430[") && !starts_with(text, size, "431[")) return;
    waiting--;
    refused += memmem(text, size, "\"ok\":false", 10) != NULL;
    bool was_first = text[2] == '0';
    if (was_first) delay_add(now_s() - sent_at[c - connections]);
    else pairs++;
    if (open) send_next(c, was_first);
}

void phase_pairs(int clients, double seconds, const char *first, const char *second) {
    commands[0] = first;
    commands[1] = second;
    pairs = refused = 0;
    waiting = 0;
    open = true;
    on_sampled_text = on_ack;
    double start = now_s();
    for (int i = 0; i < clients; i++) {
        connections[i].sampled = true;
        send_next(&connections[i], 0);
    }
    while (now_s() < start + WARM_S) pump(1);
    delays_clear();
    struct meter m = meter_start();
    uint64_t before = pairs;
    while (now_s() < m.start_s + seconds) pump(1);
    meter_write(&m);
    printf(", \"pairs\": %lu, \"p50_s\": %.6f, \"p99_s\": %.6f", pairs - before, delay_percentile(0.5, delay_count(), seconds),
           delay_percentile(0.99, delay_count(), seconds));
    open = false;
    for (double end = now_s() + DRAIN_S; waiting > 0 && now_s() < end;) pump(1);
    printf(", \"refused\": %lu, \"unanswered\": %d}\n", refused, waiting);
    on_sampled_text = NULL;
}
