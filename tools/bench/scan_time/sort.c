#include <stdint.h>

static int32_t data[300];
static int32_t i, j, swap, low, high, mid, found;

void cycle(void) {
    for (i = 0; i <= 299; i++)
        data[i] = 300 - i;
    for (i = 0; i <= 298; i++) {
        for (j = 0; j <= 298 - i; j++) {
            if (data[j] > data[j + 1]) {
                swap = data[j];
                data[j] = data[j + 1];
                data[j + 1] = swap;
            }
        }
    }
    found = 0;
    for (i = 1; i <= 300; i++) {
        low = 0;
        high = 299;
        while (low <= high) {
            mid = (low + high) / 2;
            if (data[mid] == i) {
                found = found + 1;
                break;
            } else if (data[mid] < i) {
                low = mid + 1;
            } else {
                high = mid - 1;
            }
        }
    }
}

int64_t result(void) {
    return found;
}
