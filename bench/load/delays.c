/* Times that were seen, of one phase after the other. */
#include "load.h"

#include <stdlib.h>

static double *delays;
static size_t count, room;
static bool sorted;

void delays_clear(void) { count = 0; }

void delay_add(double seconds) {
    if (count == room) delays = realloc(delays, (room = room * 2 + 4096) * sizeof *delays);
    delays[count++] = seconds;
    sorted = false;
}

size_t delay_count(void) { return count; }

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double delay_percentile(double part, size_t expected, double waited_s) {
    if (!sorted && count) qsort(delays, count, sizeof *delays, by_size);
    sorted = true;
    size_t at = (size_t)(part * (double)expected);
    return at < count ? delays[at] : waited_s;
}
