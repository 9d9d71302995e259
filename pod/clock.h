// The time as logs and states write it.
#pragma once

enum { TIME_SIZE = 40 };

// "2026-11-21T08:00:00.123456789Z", RFC 3339 with nanoseconds.
void format_now(char text[TIME_SIZE]);
