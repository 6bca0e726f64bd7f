/* The load generator: many Socket.IO connections in one thread.
 *
 * It must cost less than the servers it measures, so it knows only what it needs of WebSocket and Socket.IO: unfragmented
 * text frames, one namespace, numbered acks. What differs between servers (event names) comes in as text from run.py.
 *
 * Files: connection.c moves bytes and frames; phases.c does one job per command (connect, events, idle); storm.c is the
 * presence storm; main.c reads commands from stdin and answers each with one line of JSON on stdout.
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
    bool sampled;      /* its frames are searched for storm marks */
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
extern char join_text[MAX_TEXT];     /* sent once connected; "" = ready without joining */
extern char counted_text[MAX_TEXT];  /* frames that begin with this are counted as deliveries */

/* Called for every text frame of a sampled connection while a storm runs. */
extern void (*on_sampled_text)(const uint8_t *text, size_t size);

void network_open(const char *host, int port);
void connection_open(void);          /* one more; goes on by itself until READY */
void connection_send(struct connection *c, const char *text);
void pump(int wait_ms);              /* one round of reading and answering; waits at most so long for something to read */

double now_s(void);
double cpu_s(pid_t pid);             /* CPU seconds that a process has used so far, all its threads; 0 = this one */

void phase_connect(int count, int window, double limit_s);
void phase_tell(int count, const char *text, double limit_s);
void phase_events(int count, int turns, const char *trigger, double limit_s);
void phase_idle(double seconds);
void phase_storm(int watchers, double seconds, double per_s, double stay_s, int sampled, const char *enter, const char *leave);

extern pid_t server_pid;

#endif
