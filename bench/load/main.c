/* Usage: load <host> <port> <server pid> [raw]. Commands on stdin, one per line, fields separated by tabs. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_FIELDS = 9 };

static int split(char *line, char **fields) {
    int count = 0;
    line[strcspn(line, "\n")] = 0;
    for (char *field; count < MAX_FIELDS && (field = strsep(&line, "\t"));) fields[count++] = field;
    return count;
}

static bool obey(char **f, int count) {
    if (!strcmp(f[0], "connect") && count == 6) { /* count, window, group, limit_s, join */
        snprintf(join_text, sizeof join_text, "%s", f[5]);
        phase_connect(atoi(f[1]), atoi(f[2]), atoi(f[3]), atof(f[4]));
    } else if (!strcmp(f[0], "tell") && count == 4) { /* how many, limit_s, text */
        phase_tell(atoi(f[1]), f[3], atof(f[2]));
    } else if (!strcmp(f[0], "events") && count == 6) { /* count, turns, limit_s, prefix of what is counted, trigger */
        snprintf(counted_text, sizeof counted_text, "%s", f[4]);
        phase_events(atoi(f[1]), atoi(f[2]), f[5], atof(f[3]));
    } else if (!strcmp(f[0], "idle") && count == 2) { /* seconds */
        phase_idle(atof(f[1]));
    } else if (!strcmp(f[0], "storm") && count == 9) { /* watchers, warm_s, seconds, per_s, stay_s, sampled, enter, leave */
        phase_storm(atoi(f[1]), atof(f[2]), atof(f[3]), atof(f[4]), atof(f[5]), atoi(f[6]), f[7], f[8]);
    } else if (!strcmp(f[0], "positions") && count == 6) { /* group, seconds, sampled, mark, update */
        phase_positions(atoi(f[1]), atof(f[2]), atoi(f[3]), f[4], f[5]);
    } else if (!strcmp(f[0], "pairs") && count == 5) { /* clients, seconds, first, second */
        phase_pairs(atoi(f[1]), atof(f[2]), f[3], f[4]);
    } else if (!strcmp(f[0], "chain") && count == 6) { /* seconds, prefix of what is counted, of a grant, release, acquire */
        snprintf(counted_text, sizeof counted_text, "%s", f[2]);
        phase_chain(atof(f[1]), f[3], f[4], f[5]);
    } else if (!strcmp(f[0], "receive") && count == 4) { /* how many, limit_s, the event */
        phase_receive(atoi(f[1]), atof(f[2]), f[3]);
    } else if (!strcmp(f[0], "logins") && count == 5) { /* how many, events each, limit_s, the event */
        phase_logins(atoi(f[1]), atoi(f[2]), atof(f[3]), f[4]);
    } else {
        return false;
    }
    fflush(stdout);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: load <host> <port> <server pid> [raw]\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    network_open(argv[1], atoi(argv[2]));
    server_pid = atoi(argv[3]);
    raw = argc > 4 && !strcmp(argv[4], "raw");
    char line[4 * MAX_TEXT];
    while (fgets(line, sizeof line, stdin)) {
        char *fields[MAX_FIELDS];
        if (!obey(fields, split(line, fields))) {
            fprintf(stderr, "unknown command or wrong number of fields: %s\n", line);
            return 2;
        }
    }
    return 0;
}
