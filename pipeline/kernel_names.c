#include "pipeline/kernel_names.h"

#include "base/compiler.h"

#include <sys/socket.h>

static const char *const capabilities[] = {
	[0] = "CAP_CHOWN",
	[1] = "DAC_OVERRIDE",
	[2] = "CAP_DAC_READ_SEARCH",
	[3] = "CAP_FOWNER",
	[4] = "CAP_FSETID",
	[5] = "CAP_KILL",
	[6] = "CAP_SETGID",
	[7] = "CAP_SETUID",
	[8] = "CAP_SETPCAP",
	[9] = "CAP_LINUX_IMMUTABLE",
	[10] = "CAP_NET_BIND_SERVICE",
	[11] = "CAP_NET_BROADCAST",
	[12] = "CAP_NET_ADMIN",
	[13] = "CAP_NET_RAW",
	[14] = "CAP_IPC_LOCK",
	[15] = "CAP_IPC_OWNER",
	[16] = "CAP_SYS_MODULE",
	[17] = "CAP_SYS_RAWIO",
	[18] = "CAP_SYS_CHROOT",
	[19] = "CAP_SYS_PTRACE",
	[20] = "CAP_SYS_PACCT",
	[21] = "CAP_SYS_ADMIN",
	[22] = "CAP_SYS_BOOT",
	[23] = "CAP_SYS_NICE",
	[24] = "CAP_SYS_RESOURCE",
	[25] = "CAP_SYS_TIME",
	[26] = "CAP_SYS_TTY_CONFIG",
	[27] = "CAP_MKNOD",
	[28] = "CAP_LEASE",
	[29] = "CAP_AUDIT_WRITE",
	[30] = "CAP_AUDIT_CONTROL",
	[31] = "CAP_SETFCAP",
	[32] = "CAP_MAC_OVERRIDE",
	[33] = "CAP_MAC_ADMIN",
	[34] = "CAP_SYSLOG",
	[35] = "CAP_WAKE_ALARM",
	[36] = "CAP_BLOCK_SUSPEND",
	[37] = "CAP_AUDIT_READ",
	[38] = "CAP_PERFMON",
	[39] = "CAP_BPF",
	[40] = "CAP_CHECKPOINT_RESTORE",
};

static const char *const securebits[] = {
	"SecBitNoRoot",
	"SecBitNoRootLocked",
	"SecBitNoSetUidFixup",
	"SecBitNoSetUidFixupLocked",
	"SecBitKeepCaps",
	"SecBitKeepCapsLocked",
	"SecBitNoCapAmbientRaise",
	"SecBitNoCapAmbientRaiseLocked",
};

/* The numbers of x86 and arm64; 34 is where the C library lets real-time signals begin. */
static const char *const signals[] = {
	[1] = "SIGHUP",	      [2] = "SIGINT",	    [3] = "SIGQUIT",	  [4] = "SIGILL",
	[5] = "SIGTRAP",      [6] = "SIGABRT",	    [7] = "SIGBUS",	  [8] = "SIGFPE",
	[9] = "SIGKILL",      [10] = "SIGUSR1",	    [11] = "SIGSEGV",	  [12] = "SIGUSR2",
	[13] = "SIGPIPE",     [14] = "SIGALRM",	    [15] = "SIGTERM",	  [16] = "SIGSTKFLT",
	[17] = "SIGCHLD",     [18] = "SIGCONT",	    [19] = "SIGSTOP",	  [20] = "SIGTSTP",
	[21] = "SIGTTIN",     [22] = "SIGTTOU",	    [23] = "SIGURG",	  [24] = "SIGXCPU",
	[25] = "SIGXFSZ",     [26] = "SIGVTALRM",   [27] = "SIGPROF",	  [28] = "SIGWINCH",
	[29] = "SIGIO",	      [30] = "SIGPWR",	    [31] = "SIGSYS",	  [32] = "SIG32",
	[33] = "SIG33",	      [34] = "SIGRTMIN",    [35] = "SIGRTMIN+1",  [36] = "SIGRTMIN+2",
	[37] = "SIGRTMIN+3",  [38] = "SIGRTMIN+4",  [39] = "SIGRTMIN+5",  [40] = "SIGRTMIN+6",
	[41] = "SIGRTMIN+7",  [42] = "SIGRTMIN+8",  [43] = "SIGRTMIN+9",  [44] = "SIGRTMIN+10",
	[45] = "SIGRTMIN+11", [46] = "SIGRTMIN+12", [47] = "SIGRTMIN+13", [48] = "SIGRTMIN+14",
	[49] = "SIGRTMIN+15", [50] = "SIGRTMAX-14", [51] = "SIGRTMAX-13", [52] = "SIGRTMAX-12",
	[53] = "SIGRTMAX-11", [54] = "SIGRTMAX-10", [55] = "SIGRTMAX-9",  [56] = "SIGRTMAX-8",
	[57] = "SIGRTMAX-7",  [58] = "SIGRTMAX-6",  [59] = "SIGRTMAX-5",  [60] = "SIGRTMAX-4",
	[61] = "SIGRTMAX-3",  [62] = "SIGRTMAX-2",  [63] = "SIGRTMAX-1",  [64] = "SIGRTMAX",
};

static const char *const tcp_states[] = {
	[1] = "TCP_ESTABLISHED", [2] = "TCP_SYN_SENT",	 [3] = "TCP_SYN_RECV",
	[4] = "TCP_FIN_WAIT1",	 [5] = "TCP_FIN_WAIT2",	 [6] = "TCP_TIME_WAIT",
	[7] = "TCP_CLOSE",	 [8] = "TCP_CLOSE_WAIT", [9] = "TCP_LAST_ACK",
	[10] = "TCP_LISTEN",	 [11] = "TCP_CLOSING",	 [12] = "TCP_NEW_SYN_RECV",
};

static struct str name_of(const char *const *names, size_t count, unsigned int number)
{
	return str_of(number < count ? names[number] : NULL);
}

struct str capability_name(unsigned int number)
{
	return name_of(capabilities, ARRAY_SIZE(capabilities), number);
}

struct str securebit_name(unsigned int bit)
{
	return name_of(securebits, ARRAY_SIZE(securebits), bit);
}

struct str signal_name(unsigned int number)
{
	return name_of(signals, ARRAY_SIZE(signals), number);
}

struct str tcp_state_name(unsigned int state)
{
	return name_of(tcp_states, ARRAY_SIZE(tcp_states), state);
}

struct str error_name(unsigned int number)
{
	return number ? str_of(strerrorname_np((int)number)) : STR("");
}

struct str family_name(unsigned int family)
{
	switch (family) {
	case AF_INET:
		return STR("AF_INET");
	case AF_INET6:
		return STR("AF_INET6");
	default:
		return STR("");
	}
}
