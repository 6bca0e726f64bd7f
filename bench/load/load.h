/* The load generator: many Socket.IO connections in one thread.
 *
 * It must cost less than the servers it measures, so it knows only what it needs of WebSocket and Socket.IO: unfragmented
 * text frames, one namespace, numbered acks. What differs between servers (event names) comes in as text from run.py.
 *
 * Files: connection.c moves bytes and frames; delays.c collects times; phases.c does one job per command (connect, events, idle);
 * storm.c is the presence storm, positions.c readers who move on, pairs.c two commands in turns, chain.c a lock from hand to
 * hand, receive.c messages that come unasked; main.c reads commands from stdin and answers each with one line of JSON on stdout.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_CONNECTIONS = 19000, MAX_TEXT = 1024 };

/* In the order in which a connection goes through them. */
enum stage { CLOSED, CONNECTING, UPGRADING, OPENING, NAMING, JOINING, READY };

struct connection {
    int fd;
    enum stage stage;
    bool sampled;      /* its frames are given to `on_sampled_text` */
    size_t held_bytes; /* the start of a frame whose rest has not come yet */
    uint8_t *held;
};

/* What has happened since the last reset; phases wait for these to reach a number. */
struct tally {
    uint64_t ready, acks, counted, frames, bytes, closed, blocked;
};

extern struct connection connections[MAX_CONNECTIONS];
extern int connection_count;
extern struct tally tally;
extern bool raw;                     /* the peer is c_send: no handshake, frames from the first byte */
extern char join_text[MAX_TEXT];     /* sent once connected, with the group's number for %d; "" = ready without joining */
extern int join_group;               /* so many connections in a row are a group */
extern char counted_text[MAX_TEXT];  /* frames that begin with this are counted as deliveries */

/* Called for every text frame of a sampled connection while a phase runs that wants them. */
extern void (*on_sampled_text)(struct connection *c, const uint8_t *text, size_t size);

/* Numbers after each `mark` in a text are given to `found`. */
void marks_find(const uint8_t *text, size_t size, const char *mark, void (*found)(struct connection *c, int number),
                struct connection *c);
bool starts_with(const uint8_t *text, size_t size, const char *prefix);

void network_open(const char *host, int port);
void connection_open(void);          /* one more; goes on by itself until READY */
void connection_send(struct connection *c, const char *text);
void pump(int wait_ms);              /* one round of reading and answering; waits at most so long for something to read */

void delays_clear(void);
void delay_add(double seconds);
size_t delay_count(void);
/* Of what should have been seen. What never was took at least as long as we waited for it: then it is a lower bound. */
double delay_percentile(double part, size_t expected, double waited_s);

struct meter {
    double start_s, server_s, own_s;
    struct tally before;
};

struct meter meter_start(void);
void meter_write(const struct meter *m); /* what has happened since: the beginning of an answer, without its closing brace */

double now_s(void);
double cpu_s(pid_t pid);             /* CPU seconds that a process has used so far, all its threads; 0 = this one */

void phase_connect(int count, int window, int group, double limit_s);
void phase_tell(int count, const char *command, double limit_s);
void phase_events(int count, int turns, const char *trigger, double limit_s);
void phase_idle(double seconds);
void phase_storm(int watchers, double warm_s, double seconds, double per_s, double stay_s, int sampled, const char *enter,
                 const char *leave);
void phase_positions(int group, double seconds, int sampled, const char *mark, const char *update);
void phase_pairs(int clients, double seconds, const char *first, const char *second);
void phase_chain(double seconds, const char *granted, const char *release, const char *acquire);
void phase_receive(int count, double limit_s, const char *event);
void phase_logins(int logins, int each, double limit_s, const char *event);

extern pid_t server_pid;

#endif
