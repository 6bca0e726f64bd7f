/* Messages that come unasked: the frames of one event are counted on all connections, and acknowledged where the server asks for
 * it. When the last one came is told as a moment of the monotonic clock, which whoever sent the message has too. */
#define _GNU_SOURCE
#include "load.h"

#include <ctype.h>
#include <stdio.h>

static const char *sought; /* the event, as it begins after the packet's type and ack id */
static int received;
static double last_at;

static void on_message(struct connection *c, const uint8_t *text, size_t size) {
    size_t at = 2;
    if (!starts_with(text, size, "42")) return;
    while (at < size && isdigit(text[at])) at++;
    if (!starts_with(text + at, size - at, sought)) return;
    if (at > 2) {
        char ack[32];
        snprintf(ack, sizeof ack, "43%.*s[]", (int)(at - 2), (const char *)text + 2);
        connection_send(c, ack);
    }
    received++;
    last_at = now_s();
}

static void listen_for(const char *event) {
    sought = event;
    on_sampled_text = on_message;
    for (int i = 0; i < connection_count; i++) connections[i].sampled = true;
}

/* Waits until `count` have come, on whichever connections. */
void phase_receive(int count, double limit_s, const char *event) {
    listen_for(event);
    received = 0;
    last_at = 0;
    struct meter m = meter_start();
    while (received < count && now_s() - m.start_s < limit_s) pump(1);
    meter_write(&m);
    printf(", \"received\": %d, \"last_at_s\": %.6f}\n", received, last_at);
    on_sampled_text = NULL;
}

/* One after the other, so many connect and get `each`. Measured: from opening the connection to the last of them. */
void phase_logins(int logins, int each, double limit_s, const char *event) {
    listen_for(event);
    delays_clear();
    join_text[0] = 0;
    struct meter m = meter_start();
    for (int i = 0; i < logins && now_s() - m.start_s < limit_s; i++) {
        double start = now_s();
        received = 0;
        connections[connection_count].sampled = true;
        connection_open();
        while (received < each && now_s() - m.start_s < limit_s) pump(1);
        if (received == each) delay_add(last_at - start);
    }
    meter_write(&m);
    printf(", \"logins\": %zu, \"p50_s\": %.6f, \"p99_s\": %.6f}\n", delay_count(), delay_percentile(0.5, (size_t)logins, limit_s),
           delay_percentile(0.99, (size_t)logins, limit_s));
    on_sampled_text = NULL;
}
