/* What one command does: each phase waits for a count or for its time limit, then answers with one line of JSON. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

pid_t server_pid;

static double seconds_of(clockid_t clock) {
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double now_s(void) { return seconds_of(CLOCK_MONOTONIC); }

/* The kernel's CPU clock of a whole process (clock_getcpuclockid), in nanoseconds instead of /proc's ticks. */
double cpu_s(pid_t pid) {
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    if (pid && clock_getcpuclockid(pid, &clock)) return 0;
    return seconds_of(clock);
}

struct meter meter_start(void) {
    return (struct meter){now_s(), cpu_s(server_pid), cpu_s(0), tally};
}

void meter_write(const struct meter *m) {
    printf("{\"seconds\": %.6f, \"server_cpu_s\": %.9f, \"load_cpu_s\": %.9f, \"ready\": %lu, \"acks\": %lu, \"counted\": %lu, "
           "\"frames\": %lu, \"bytes\": %lu, \"closed\": %lu, \"blocked\": %lu",
           now_s() - m->start_s, cpu_s(server_pid) - m->server_s, cpu_s(0) - m->own_s, tally.ready - m->before.ready,
           tally.acks - m->before.acks,
           tally.counted - m->before.counted, tally.frames - m->before.frames, tally.bytes - m->before.bytes,
           tally.closed - m->before.closed, tally.blocked - m->before.blocked);
}

static void meter_answer(const struct meter *m) {
    meter_write(m);
    printf("}\n");
}

/* Opens `count` more connections, `window` of them under way at a time. */
void phase_connect(int count, int window, int group, double limit_s) {
    join_group = group;
    struct meter m = meter_start();
    uint64_t done = tally.ready + tally.closed, target = done + (uint64_t)count;
    uint64_t opened = done;
    while (tally.ready + tally.closed < target && now_s() - m.start_s < limit_s) {
        /* A few per round: answers are read in between, so the server never waits for this side. */
        for (int burst = 0; burst < 32 && opened < target && opened - tally.ready - tally.closed < (uint64_t)window; burst++) {
            connection_open();
            opened++;
        }
        pump(1);
    }
    meter_answer(&m);
}

/* The first `count` connections send one command each, with their number for %d; done when all acks are here. */
void phase_tell(int count, const char *command, double limit_s) {
    struct meter m = meter_start();
    uint64_t target = tally.acks + (uint64_t)count;
    char text[MAX_TEXT];
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, command, i);
        connection_send(&connections[i], text);
        if (i % 64 == 63) pump(0);
    }
    while (tally.acks < target && now_s() - m.start_s < limit_s) pump(10);
    meter_answer(&m);
}

/* One connection triggers an event to all; when all have it, the next does: every event is a fan-out of its own, and no server can
 * merge two into one write. The first `turns` connections take turns, so that none meets a limit on what one client may send. */
void phase_events(int count, int turns, const char *trigger, double limit_s) {
    struct meter m = meter_start();
    char text[MAX_TEXT];
    for (int i = 1; i <= count && now_s() - m.start_s < limit_s && !tally.closed; i++) {
        uint64_t target = m.before.counted + (uint64_t)i * (uint64_t)connection_count;
        snprintf(text, sizeof text, trigger, i);
        connection_send(&connections[i % turns], text);
        while (tally.counted < target && now_s() - m.start_s < limit_s) pump(10);
    }
    meter_answer(&m);
}

void phase_idle(double seconds) {
    struct meter m = meter_start();
    while (now_s() - m.start_s < seconds) pump(50);
    meter_answer(&m);
}
