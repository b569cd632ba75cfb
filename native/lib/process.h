#pragma once

#include <sys/types.h>

/** When a process started, in clock ticks since boot: field 22 of /proc/PID/stat. 0 when there is none, or a zombie. */
unsigned long long start_time(pid_t pid);

/* A UUID in hexadecimal, and a NUL. */
#define BOOT_ID_SIZE 37

/** What identifies the present boot of the machine, see random(4); -1 when it cannot be read. */
int boot_id(char id[BOOT_ID_SIZE]);
