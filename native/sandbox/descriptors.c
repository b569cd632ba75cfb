#include "descriptors.h"

#include "../lib/syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int ascending(const void *a, const void *b);

int send_descriptors(int channel, const int *descriptors, size_t count)
{
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    size_t size = count * sizeof *descriptors;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), descriptors, size);
    return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

ssize_t take_descriptors(int channel, int *descriptors, size_t most)
{
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t got;
    while ((got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    if (got < 0)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (got == 0 || header == NULL || header->cmsg_type != SCM_RIGHTS)
        return 0;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *descriptors;
    if (count > most)
        return 0;
    memcpy(descriptors, CMSG_DATA(header), count * sizeof *descriptors);
    return (ssize_t)count;
}

int keep_descriptors(int *kept, size_t count)
{
    qsort(kept, count, sizeof *kept, ascending);
    unsigned next = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned fd = (unsigned)kept[i];
        if (fd > next && sys_close_range(next, fd - 1, 0) < 0)
            return -1;
        next = fd + 1;
    }
    return sys_close_range(next, ~0U, 0);
}

static int ascending(const void *a, const void *b)
{
    int left = *(const int *)a;
    int right = *(const int *)b;
    return left < right ? -1 : left > right;
}
