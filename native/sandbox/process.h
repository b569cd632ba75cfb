#pragma once

#include <sys/types.h>

/** When a process started, in clock ticks since boot: field 22 of /proc/PID/stat. 0 when there is none, or a zombie. */
unsigned long long start_time(pid_t pid);
