#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this architecture yet"
#endif

/* Numbers since 5.11, the same on both architectures, for older headers. */
#ifndef __NR_epoll_pwait2
#define __NR_epoll_pwait2 441
#endif
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif
#ifndef __NR_quotactl_fd
#define __NR_quotactl_fd 443
#endif
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#endif
#ifndef __NR_landlock_add_rule
#define __NR_landlock_add_rule 445
#endif
#ifndef __NR_landlock_restrict_self
#define __NR_landlock_restrict_self 446
#endif
#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif
#ifndef __NR_process_mrelease
#define __NR_process_mrelease 448
#endif
#ifndef __NR_futex_waitv
#define __NR_futex_waitv 449
#endif
#ifndef __NR_set_mempolicy_home_node
#define __NR_set_mempolicy_home_node 450
#endif
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_map_shadow_stack
#define __NR_map_shadow_stack 453
#endif
#ifndef __NR_futex_wake
#define __NR_futex_wake 454
#endif
#ifndef __NR_futex_wait
#define __NR_futex_wait 455
#endif
#ifndef __NR_futex_requeue
#define __NR_futex_requeue 456
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#endif
#ifndef __NR_getxattrat
#define __NR_getxattrat 464
#endif
#ifndef __NR_listxattrat
#define __NR_listxattrat 465
#endif
#ifndef __NR_removexattrat
#define __NR_removexattrat 466
#endif

#define X32_BIT 0x40000000
#define ALL_NAMESPACES                                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define NEW_TIME_NAMESPACE 0x80

enum verdict {
    VERDICT_UNKNOWN,
    VERDICT_ALLOW,
    VERDICT_REFUSE,
    LOOK_CLONE,
    LOOK_IOCTL,
    LOOK_PERSONALITY,
    LOOK_SOCKET,
    LOOK_UNSHARE,
    VERDICTS,
};

struct call {
    uint32_t number;
    enum verdict verdict;
};

#define ALLOW(name) {__NR_##name, VERDICT_ALLOW},
#define REFUSE(name) {__NR_##name, VERDICT_REFUSE},
#define LOOK(name, what) {__NR_##name, LOOK_##what},
static const struct call calls[] = {
#include "calls.inc"
};

#define CALLS (sizeof calls / sizeof calls[0])

struct program {
    struct sock_filter *code;
    size_t length;
    bool too_long;
    /* Where the checks of arguments begin, and which jumps go to them. */
    size_t jumps[CALLS];
    enum verdict jump_verdicts[CALLS];
    size_t jump_count;
};

static size_t make_ranges(struct call ranges[2 * CALLS + 1]);
static int by_number(const void *left, const void *right);
static size_t emit(struct program *program, struct sock_filter instruction);
static void emit_return(struct program *program, enum verdict verdict);
static void emit_tree(struct program *program, const struct call *ranges, size_t count);
static void emit_look(struct program *program, enum verdict verdict);
static void emit_argument(struct program *program, unsigned index);
static void emit_refuse_when_equal(struct program *program, uint32_t value);

size_t build_filter(struct sock_filter code[FILTER_MOST])
{
    struct program program = {.code = code};
    emit(&program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    emit(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    emit(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    emit(&program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
#ifdef __x86_64__
    emit(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
    emit_return(&program, VERDICT_UNKNOWN);
#endif
    struct call ranges[2 * CALLS + 1];
    emit_tree(&program, ranges, make_ranges(ranges));
    for (enum verdict verdict = LOOK_CLONE; verdict < VERDICTS; verdict++) {
        for (size_t i = 0; i < program.jump_count; i++)
            if (program.jump_verdicts[i] == verdict)
                code[program.jumps[i]].k = (uint32_t)(program.length - program.jumps[i] - 1);
        emit_look(&program, verdict);
    }
    return program.too_long ? 0 : program.length;
}

/* Neighbours with one verdict become one range that begins at `number`; the gaps between are unknown. */
static size_t make_ranges(struct call ranges[2 * CALLS + 1])
{
    struct call sorted[CALLS];
    memcpy(sorted, calls, sizeof sorted);
    qsort(sorted, CALLS, sizeof sorted[0], by_number);
    size_t count = 0;
    ranges[count++] = (struct call){0, VERDICT_UNKNOWN};
    uint32_t next = 0;
    for (size_t i = 0; i < CALLS; i++) {
        if (sorted[i].number != next && ranges[count - 1].verdict != VERDICT_UNKNOWN)
            ranges[count++] = (struct call){next, VERDICT_UNKNOWN};
        if (ranges[count - 1].verdict != sorted[i].verdict)
            ranges[count++] = sorted[i];
        next = sorted[i].number + 1;
    }
    ranges[count++] = (struct call){next, VERDICT_UNKNOWN};
    return count;
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = ((const struct call *)left)->number;
    uint32_t b = ((const struct call *)right)->number;
    return (a > b) - (a < b);
}

static size_t emit(struct program *program, struct sock_filter instruction)
{
    if (program->length == FILTER_MOST) {
        program->too_long = true;
        return 0;
    }
    program->code[program->length] = instruction;
    return program->length++;
}

static void emit_return(struct program *program, enum verdict verdict)
{
    uint32_t result = verdict == VERDICT_ALLOW    ? SECCOMP_RET_ALLOW
                      : verdict == VERDICT_REFUSE ? SECCOMP_RET_ERRNO | EPERM
                                                  : SECCOMP_RET_ERRNO | ENOSYS;
    emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, result));
}

/* A binary search, so that each call costs about seven comparisons. */
static void emit_tree(struct program *program, const struct call *ranges, size_t count)
{
    if (count == 1) {
        if (ranges->verdict < LOOK_CLONE) {
            emit_return(program, ranges->verdict);
        } else {
            program->jump_verdicts[program->jump_count] = ranges->verdict;
            program->jumps[program->jump_count++] = emit(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
        }
        return;
    }
    size_t half = count / 2;
    size_t jump = emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].number, 0, 0));
    emit_tree(program, ranges, half);
    size_t distance = program->length - jump - 1;
    if (distance > UINT8_MAX)
        program->too_long = true;
    program->code[jump].jt = (uint8_t)distance;
    emit_tree(program, ranges + half, count - half);
}

static void emit_look(struct program *program, enum verdict verdict)
{
    switch (verdict) {
    case LOOK_CLONE:
        emit_argument(program, 0);
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, ALL_NAMESPACES, 0, 1));
        emit_return(program, VERDICT_REFUSE);
        break;
    case LOOK_UNSHARE:
        emit_argument(program, 0);
        emit(program,
             (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, ALL_NAMESPACES | NEW_TIME_NAMESPACE, 0, 1));
        emit_return(program, VERDICT_REFUSE);
        break;
    case LOOK_IOCTL:
        emit_argument(program, 1);
        /* Both can type into the terminal of somebody else (CVE-2017-5226, CVE-2023-1523). */
        emit_refuse_when_equal(program, TIOCSTI);
        emit_refuse_when_equal(program, TIOCLINUX);
        break;
    case LOOK_SOCKET:
        emit_argument(program, 0);
        /* Neither belongs to a network namespace in full. */
        emit_refuse_when_equal(program, AF_VSOCK);
        emit_refuse_when_equal(program, AF_ALG);
        break;
    case LOOK_PERSONALITY:
        emit_argument(program, 0);
        /* Asking is UINT32_MAX; debuggers switch randomisation off, "linux32" changes what uname says. */
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 2, 0));
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
                                                   ~(uint32_t)(ADDR_NO_RANDOMIZE | UNAME26 | PER_LINUX32), 0, 1));
        emit_return(program, VERDICT_REFUSE);
        break;
    default:
        return;
    }
    emit_return(program, VERDICT_ALLOW);
}

/* All of them are 32 bits wide for the kernel; both architectures are little-endian. */
static void emit_argument(struct program *program, unsigned index)
{
    emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                               offsetof(struct seccomp_data, args) + index * sizeof(uint64_t)));
}

static void emit_refuse_when_equal(struct program *program, uint32_t value)
{
    emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    emit_return(program, VERDICT_REFUSE);
}
