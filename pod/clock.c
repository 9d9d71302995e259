// The time as logs and states write it.
#include "clock.h"
#include <stdio.h>
#include <time.h>

void format_now(char text[TIME_SIZE]) {
  struct timespec now;
  struct tm parts;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  size_t size = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + size, TIME_SIZE - size, ".%09ldZ", now.tv_nsec);
}
