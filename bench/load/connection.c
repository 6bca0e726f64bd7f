/* Bytes, frames and the handshake of one connection. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection connections[MAX_CONNECTIONS];
int connection_count;
struct tally tally;
bool raw;
char join_text[MAX_TEXT], counted_text[MAX_TEXT];
int join_group = 1;
void (*on_sampled_text)(struct connection *, const uint8_t *, size_t);

static int poller;
static struct sockaddr_in server;
static uint8_t buffer[1 << 18];

static const char UPGRADE[] =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

void network_open(const char *host, int port) {
    poller = epoll_create1(0);
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, host, &server.sin_addr);
}

bool starts_with(const uint8_t *text, size_t size, const char *prefix) {
    size_t length = strlen(prefix);
    return size >= length && memcmp(text, prefix, length) == 0;
}

void marks_find(const uint8_t *text, size_t size, const char *mark, void (*found)(struct connection *, int), struct connection *c) {
    const uint8_t *end = text + size;
    size_t length = strlen(mark);
    while ((text = memmem(text, (size_t)(end - text), mark, length))) {
        text += length;
        int number = 0;
        while (text < end && *text >= '0' && *text <= '9') number = number * 10 + (*text++ - '0');
        found(c, number);
    }
}

/* ---------- sending ---------- */

static void bytes_send(struct connection *c, const void *bytes, size_t size) {
    ssize_t sent = send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != (ssize_t)size) tally.blocked++; /* what is sent is tiny: a full buffer means that the server does not read */
}

void connection_send(struct connection *c, const char *text) {
    static const uint8_t KEY[4] = {0x12, 0x34, 0x56, 0x78}; /* constant: choosing keys is not what is measured */
    uint8_t frame[MAX_TEXT + 8];
    size_t size = strlen(text), at = 0;
    frame[at++] = 0x81;
    if (size < 126) {
        frame[at++] = 0x80 | (uint8_t)size;
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = (uint8_t)(size >> 8);
        frame[at++] = (uint8_t)size;
    }
    memcpy(frame + at, KEY, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) frame[at + i] = (uint8_t)text[i] ^ KEY[i & 3];
    bytes_send(c, frame, at + size);
}

/* ---------- the handshake, one stage per answer ---------- */

static void become_ready(struct connection *c) {
    c->stage = READY;
    tally.ready++;
}

static void on_connected(struct connection *c) {
    if (raw) {
        become_ready(c);
        return;
    }
    c->stage = UPGRADING;
    bytes_send(c, UPGRADE, sizeof UPGRADE - 1);
}

static void connect_namespace(struct connection *c) {
    char text[64];
    snprintf(text, sizeof text, "40{\"visitor\":\"bench-visitor-%05d\"}", (int)(c - connections));
    c->stage = NAMING;
    connection_send(c, text);
}

static void join(struct connection *c) {
    if (!join_text[0]) {
        become_ready(c);
        return;
    }
    char text[MAX_TEXT];
    snprintf(text, sizeof text, join_text, (int)(c - connections) / join_group);
    c->stage = JOINING;
    connection_send(c, text);
}

static void on_text(struct connection *c, const uint8_t *text, size_t size) {
    if (size == 1 && text[0] == '2') { /* Engine.IO ping */
        connection_send(c, "3");
        return;
    }
    tally.frames++;
    if (c->stage == OPENING && text[0] == '0') connect_namespace(c);
    else if (c->stage == NAMING && starts_with(text, size, "40")) join(c);
    else if (starts_with(text, size, "43")) {
        if (c->stage == JOINING) become_ready(c);
        tally.acks++;
    } else if (counted_text[0] && starts_with(text, size, counted_text)) tally.counted++;
    if (c->sampled && on_sampled_text) on_sampled_text(c, text, size);
}

/* ---------- receiving ---------- */

static void connection_close(struct connection *c) {
    close(c->fd);
    free(c->held);
    *c = (struct connection){.fd = -1};
    tally.closed++;
}

/* The size of the HTTP answer at the start of `bytes`, or 0 if it is not whole yet. */
static size_t response_size(const uint8_t *bytes, size_t size) {
    const uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* Takes one frame from the front of `bytes`; returns its whole size, or 0 if more bytes are needed. */
static size_t frame_take(struct connection *c, const uint8_t *bytes, size_t size) {
    if (size < 2) return 0;
    size_t head = 2, length = bytes[1] & 0x7f;
    if (length == 126) {
        if (size < 4) return 0;
        length = (size_t)bytes[2] << 8 | bytes[3];
        head = 4;
    } else if (length == 127) {
        if (size < 10) return 0;
        length = 0;
        for (int i = 2; i < 10; i++) length = length << 8 | bytes[i];
        head = 10;
    }
    if (size < head + length) return 0;
    if ((bytes[0] & 0x0f) == 1 && length > 0) on_text(c, bytes + head, length);
    return head + length;
}

static size_t bytes_take(struct connection *c, const uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (at < size && c->fd >= 0) {
        if (c->stage == UPGRADING) {
            size_t taken = response_size(bytes + at, size - at);
            if (!taken) break;
            if (!starts_with(bytes + at, size - at, "HTTP/1.1 101")) {
                fprintf(stderr, "refused: %.*s\n", (int)taken, bytes + at);
                connection_close(c);
                return size;
            }
            at += taken;
            c->stage = OPENING;
            continue;
        }
        size_t taken = frame_take(c, bytes + at, size - at);
        if (!taken) break;
        at += taken;
    }
    return at;
}

static void hold_rest(struct connection *c, const uint8_t *rest, size_t size) {
    uint8_t *old = c->held;
    c->held = NULL;
    c->held_bytes = size;
    if (size) {
        c->held = malloc(size);
        memcpy(c->held, rest, size);
    }
    free(old);
}

static void on_readable(struct connection *c) {
    memcpy(buffer, c->held, c->held_bytes);
    ssize_t got = recv(c->fd, buffer + c->held_bytes, sizeof buffer - c->held_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        connection_close(c);
        return;
    }
    tally.bytes += (uint64_t)got;
    size_t size = c->held_bytes + (size_t)got;
    size_t taken = bytes_take(c, buffer, size);
    if (c->fd >= 0 && (c->held_bytes || taken < size)) hold_rest(c, buffer + taken, size - taken);
}

static void watch_for(struct connection *c, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poller, operation, c->fd, &event);
}

/* Source addresses 127.0.1.1 to 127.0.1.8 take turns, so that ports last for many runs in a row. */
void connection_open(void) {
    struct connection *c = &connections[connection_count];
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(connection_count & 7));
    connection_count++;
    int yes = 1;
    struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* leave no TIME_WAIT behind */
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&source, sizeof source) < 0 ||
        (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)) {
        perror("connect");
        connection_close(c);
        return;
    }
    c->stage = CONNECTING;
    watch_for(c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* Looks at most every 0.1 ms: a reader that slept on every frame would have each frame wake it, and the kernel charges waking
 * to the sender. Readers on other machines cost the server nothing of the kind. */
static const int NAP_US = 100;

void pump(int wait_ms) {
    if (wait_ms) usleep(NAP_US);
    struct epoll_event events[1024];
    int count = epoll_wait(poller, events, 1024, wait_ms);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (c->fd < 0) continue;
        if (c->stage == CONNECTING && (events[i].events & EPOLLOUT)) {
            watch_for(c, EPOLLIN, EPOLL_CTL_MOD);
            on_connected(c);
        } else {
            on_readable(c);
        }
    }
}
