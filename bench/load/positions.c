/* Readers who move on: all connections, in groups of one room each, update their state once a second, one after the other and
 * room by room in turns. What they send is a running number after `mark`. One sampled reader in each of some rooms looks for the
 * others' numbers: from sent to seen, where seeing a later number of the same reader is seeing this one. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double WARM_S = 2.5, DRAIN_S = 1.5;

static const char *sought;
static double *sent_at;       /* by number */
static int *seen_round;       /* by reader: the last one that was seen of them */
static int sent, readers, rooms, in_room;
static double window_start, window_end;
static size_t expected;

/* Whose turn it is; the rooms take turns. */
static int reader_of(int number) {
    int turn = number % readers;
    return turn % rooms * in_room + turn / rooms;
}

static void note_seen(struct connection *c, int number) {
    int reader = number < sent ? reader_of(number) : -1, round = number / readers;
    if (reader < 0 || &connections[reader] == c || round <= seen_round[reader]) return;
    for (int r = seen_round[reader] + 1; r <= round; r++) {
        double at = sent_at[r * readers + number % readers];
        if (at >= window_start && at < window_end) delay_add(now_s() - at);
    }
    seen_round[reader] = round;
}

static void look_for_positions(struct connection *c, const uint8_t *text, size_t size) {
    marks_find(text, size, sought, note_seen, c);
}

/* The rooms do not begin in step: in the first round each begins at another time of it. */
static bool has_begun(int number) { return number >= readers || number / in_room >= number % rooms; }

static void move_on(double start, const char *update) {
    char text[MAX_TEXT];
    for (double now = now_s(); sent < (int)((now - start) * readers); sent++) {
        int reader = reader_of(sent);
        if (!has_begun(sent)) continue;
        snprintf(text, sizeof text, update, reader / in_room, sent);
        sent_at[sent] = now_s();
        connection_send(&connections[reader], text);
        int first = reader - reader % in_room;
        expected += connections[first].sampled && reader != first && sent_at[sent] >= window_start && sent_at[sent] < window_end;
    }
}

void phase_positions(int group, double seconds, int sampled, const char *mark, const char *update) {
    sought = mark;
    readers = connection_count;
    in_room = group;
    rooms = readers / group;
    sent = 0;
    expected = 0;
    free(sent_at);
    free(seen_round);
    sent_at = calloc((size_t)(WARM_S + seconds + 1) * (size_t)readers * 2, sizeof *sent_at);
    seen_round = malloc((size_t)readers * sizeof *seen_round);
    for (int i = 0; i < readers; i++) seen_round[i] = -1;
    for (int i = 0; i < sampled; i++) connections[i * (rooms / sampled) * group].sampled = true;
    on_sampled_text = look_for_positions;
    delays_clear();

    double start = now_s();
    window_start = start + WARM_S;
    window_end = window_start + seconds;
    while (now_s() < window_start) move_on(start, update), pump(1);
    struct meter m = meter_start();
    int first = sent;
    while (now_s() < window_end) move_on(start, update), pump(1);
    int updates = sent - first;
    meter_write(&m);
    while (now_s() < window_end + DRAIN_S) pump(1);
    printf(", \"updates\": %d, \"expected\": %zu, \"seen\": %zu, \"p50_s\": %.6f, \"p99_s\": %.6f}\n", updates, expected,
           delay_count(), delay_percentile(0.5, expected, DRAIN_S), delay_percentile(0.99, expected, DRAIN_S));
    on_sampled_text = NULL;
}
