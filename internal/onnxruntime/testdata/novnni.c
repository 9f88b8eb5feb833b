/* A library to preload: the program sees an x86 processor with AVX2 and FMA, but
 * without AVX-512, VNNI and AMX, and runs at the speed of the one that it has.
 *
 *   gcc -shared -fPIC -O2 -o novnni.so novnni.c
 *   LD_PRELOAD=$PWD/novnni.so qat export runs/x --format onnx --verify
 *
 * Linux can make CPUID fault (arch_prctl, on processors with the flag cpuid_fault).
 * The handler of the fault runs CPUID and takes bits off what it says. A filter keeps
 * programs with handlers of their own, as Go's, from replacing it. Preload it into the
 * program itself, not into a shell that starts it: the filter is inherited. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define BIT(n) (1u << (n))

static long cpuid_allowed(int yes) { return syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, yes); }

static void fault(int signal, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)r[REG_RIP];
	uint32_t leaf = r[REG_RAX], sub = r[REG_RCX], a, b, c, d;

	if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2)
		_exit(128 + signal); /* a fault of the program's own */
	cpuid_allowed(1);
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(sub));
	cpuid_allowed(0);
	if (leaf == 7 && sub == 0) {
		b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31)); /* AVX-512 F, DQ, IFMA, CD, BW, VL */
		c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));             /* VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
		d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25)); /* 4VNNIW, 4FMAPS, VP2INTERSECT, AMX, FP16 */
	} else if (leaf == 7 && sub == 1) {
		a &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));          /* AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA */
		d &= ~(BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19)); /* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10 */
	}
	r[REG_RAX] = a;
	r[REG_RBX] = b;
	r[REG_RCX] = c;
	r[REG_RDX] = d;
	r[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void)
{
	struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	/* sigaction(SIGSEGV, not null) does nothing and succeeds. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SIGSEGV, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

	sigfillset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) || cpuid_allowed(0)) {
		perror("novnni: CPUID cannot be masked here");
		_exit(125);
	}
}
