#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t id;
    int16_t state;
    float mass;
    double position[3], speed[3];
    bool good;
} Part;

static Part parts[200];
static int32_t i;
static double total;
static int32_t good;
static bool begun;

static double move(Part *part, double seconds) {
    double way = 0.0;
    for (int32_t n = 0; n <= 2; n++) {
        part->position[n] = part->position[n] + part->speed[n] * seconds;
        if (part->position[n] > 1000.0 || part->position[n] < -1000.0)
            part->speed[n] = -part->speed[n];
        way = way + fabs(part->speed[n]) * seconds;
    }
    return way;
}

static bool judge(Part *part) {
    switch (part->state) {
    case 0:
        part->state = 1;
        break;
    case 1:
        part->state = part->mass > 5.0f ? 2 : 3;
        break;
    case 2:
        part->good = true;
        part->state = 0;
        break;
    case 3:
        part->good = false;
        part->state = 0;
        break;
    }
    return part->good;
}

void cycle(void) {
    if (!begun) {
        begun = true;
        for (i = 0; i <= 199; i++) {
            parts[i].id = (uint32_t)i;
            parts[i].mass = (float)(i % 10);
            parts[i].speed[0] = (double)i;
            parts[i].speed[1] = 0.5;
            parts[i].speed[2] = -3.25;
        }
    }
    total = 0.0;
    good = 0;
    for (i = 0; i <= 199; i++) {
        total = total + move(&parts[i], 0.01);
        if (judge(&parts[i]))
            good = good + 1;
    }
}

int64_t result(void) {
    return (int64_t)(total * 1e6) + good;
}
