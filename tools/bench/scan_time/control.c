#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t class_number;
    double setpoint, actual, out;
    bool limited;
    double kp, ti, td, dt, integral, last, error, raw;
} Pid;

typedef struct {
    uint64_t class_number;
    bool start, stop;
    int16_t out, step;
    int32_t wait;
} Sequence;

static Pid pids[100] = {[0 ... 99] = {.kp = 1.5, .ti = 0.8, .td = 0.05, .dt = 0.001}};
static double plant[100];
static Sequence sequences[100];
static int32_t i, active;

static void pid(Pid *self) {
    self->error = self->setpoint - self->actual;
    self->raw = self->kp * (self->error + self->integral / self->ti + self->td * (self->error - self->last) / self->dt);
    self->limited = false;
    self->out = self->raw;
    if (self->raw > 100.0) {
        self->out = 100.0;
        self->limited = true;
    } else if (self->raw < -100.0) {
        self->out = -100.0;
        self->limited = true;
    }
    if (!self->limited)
        self->integral = self->integral + self->error * self->dt;
    self->last = self->error;
}

static void sequence(Sequence *self) {
    switch (self->step) {
    case 0:
        if (self->start) {
            self->step = 10;
            self->wait = 0;
        }
        break;
    case 10:
        self->out = 1;
        self->wait = self->wait + 1;
        if (self->wait > 20)
            self->step = 20;
        break;
    case 20:
        self->out = 2;
        self->wait = self->wait - 1;
        if (self->wait == 0 || self->stop)
            self->step = 30;
        break;
    case 30:
        self->out = 0;
        self->step = 0;
        break;
    default:
        self->step = 0;
    }
}

void cycle(void) {
    active = 0;
    for (i = 0; i <= 99; i++) {
        pids[i].setpoint = 50.0;
        pids[i].actual = plant[i];
        pid(&pids[i]);
        plant[i] = plant[i] + 0.01 * (pids[i].out - plant[i]);
        sequences[i].start = true;
        sequences[i].stop = pids[i].limited;
        sequence(&sequences[i]);
        if (sequences[i].out > 0)
            active = active + 1;
    }
}

int64_t result(void) {
    return (int64_t)(plant[99] * 1e6) + active;
}
