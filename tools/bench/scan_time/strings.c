#include <stdint.h>
#include <string.h>

static char names[50][32];
static char line[81];
static char key[32];
static int32_t i, k, hits, sum, rounds;

/* A text into a place of that many units: as many as fit, and a NUL. */
static void copy(char *to, size_t room, const char *from) {
    size_t length = strnlen(from, room - 1);
    memmove(to, from, length);
    to[length] = 0;
}

void cycle(void) {
    rounds = rounds + 1;
    for (i = 0; i <= 49; i++) {
        copy(names[i], sizeof names[i], "Station_0.Axis_0.Ready");
        names[i][8] = (char)(48 + i / 10);
        names[i][15] = (char)(48 + i % 10);
    }
    hits = 0;
    for (k = 0; k <= 9; k++) {
        copy(key, sizeof key, names[k * 5]);
        for (i = 0; i <= 49; i++) {
            if (strcmp(names[i], key) == 0)
                hits = hits + 1;
        }
    }
    sum = 0;
    for (i = 0; i <= 49; i++) {
        copy(line, sizeof line, names[i]);
        k = 0;
        while (line[k] != 0) {
            if ((uint8_t)line[k] >= 97 && (uint8_t)line[k] <= 122)
                line[k] = (char)(line[k] - 32);
            sum = sum + (uint8_t)line[k];
            k = k + 1;
        }
    }
}

int64_t result(void) {
    return (int64_t)hits * 1000000 + sum;
}
