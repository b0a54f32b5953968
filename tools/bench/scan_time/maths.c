#include <math.h>
#include <stdint.h>

static float in[1000];
static int32_t out[1000];
static double wide[1000];
static float scale = 1.25f;
static double sum, x;
static int32_t i, rounds;

/* To nearest, ties to even, as REAL_TO_DINT: what a C programmer writes for it. */
static int32_t real_to_dint(float value) {
    return (int32_t)lrintf(value);
}

void cycle(void) {
    rounds = rounds + 1;
    for (i = 0; i <= 999; i++) {
        in[i] = in[i] + 0.5f;
        out[i] = real_to_dint(in[i] * scale);
    }
    for (i = 0; i <= 999; i++) {
        x = (double)out[i] * 0.001;
        wide[i] = 1.0 + x * (0.5 + x * (0.25 + x * (0.125 + x * 0.0625)));
    }
    sum = 0.0;
    for (i = 0; i <= 999; i++)
        sum = sum + sqrt(wide[i]);
    for (i = 0; i <= 99; i++)
        sum = sum + sin(wide[i]) * cos(wide[i]);
    if (rounds >= 1000) {
        rounds = 0;
        for (i = 0; i <= 999; i++)
            in[i] = 0.0f;
    }
}

int64_t result(void) {
    return (int64_t)(sum * 1e3);
}
