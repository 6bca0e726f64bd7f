/* The floor: a server that does nothing but send(). No handshake, no parsing: whatever comes from any connection triggers one
 * finished WebSocket frame (argv[2] as its text) to every connection. What this costs is the kernel's share of a delivery.
 *
 * Usage: c_send <port> <text> */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 19000 };

static int fds[MAX_CONNECTIONS], count;
static char frame[256];
static size_t frame_size;

static int listen_on(int port) {
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static void accept_all(int listener, int poller) {
    int yes = 1;
    for (int fd; count < MAX_CONNECTIONS && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        fds[count++] = fd;
    }
}

static void forget(int fd) {
    for (int i = 0; i < count; i++)
        if (fds[i] == fd) fds[i--] = fds[--count];
    close(fd);
}

static void send_to_all(void) {
    for (int i = 0; i < count; i++) send(fds[i], frame, frame_size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int main(int argc, char **argv) {
    if (argc != 3 || strlen(argv[2]) > 125) return 2;
    frame_size = (size_t)snprintf(frame, sizeof frame, "\x81%c%s", (char)strlen(argv[2]), argv[2]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on(atoi(argv[1])), poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int got = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < got; i++) {
            char ignored[4096];
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener, poller);
            else if (recv(fd, ignored, sizeof ignored, 0) > 0) send_to_all();
            else forget(fd);
        }
    }
}
