/*
 * The least that a program can do: the system calls, without any C library, and nothing else. x86_64 only.
 *
 *   floor                    end
 *   floor [-F] FILE COMMAND  lock FILE, start COMMAND as by vfork(2) (with -F: become COMMAND), unlock
 *   floor -c FILE COMMAND    claim FILE as pidfile does, and become COMMAND: the flock, the byte, the text
 *   floor -r FILE            read a claim: its text, and who owns the byte
 *   floor -q FILE            execute CPUID 4300 times, as a hundred starts of a program of glibc do
 */
#include <asm/fcntl.h>
#include <asm/unistd.h>

#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

typedef long word;
struct range { short type, whence; word start, length; int pid; };

static inline __attribute__((always_inline)) word call(word number, word a, word b, word c, word d)
{
	register word fourth __asm__("r10") = d;
	word result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}

static word parsed(const char *digits)
{
	word number = 0;
	for (; *digits >= '0' && *digits <= '9'; digits++)
		number = number * 10 + *digits - '0';
	return number;
}

/* The entries of PATH one after the other, as execvp(3) does. */
static void become(char **words, char **environment)
{
	char path[4096];
	char **variable = environment;
	const char *entry;

	while (*variable && !((*variable)[0] == 'P' && (*variable)[1] == 'A' && (*variable)[2] == 'T' &&
			      (*variable)[3] == 'H' && (*variable)[4] == '='))
		variable++;
	if (words[0][0] == '/')
		call(__NR_execve, (word)words[0], (word)words, (word)environment, 0);
	for (entry = *variable ? *variable + 5 : "/bin"; *entry;) {
		char *end = path;
		const char *name = words[0];
		while (*entry && *entry != ':')
			*end++ = *entry++;
		*end++ = '/';
		while ((*end++ = *name++))
			;
		call(__NR_execve, (word)path, (word)words, (word)environment, 0);
		if (*entry)
			entry++;
	}
	call(__NR_exit_group, 127, 0, 0, 0);
}

static word claim(word file)
{
	char text[24], *first = text + sizeof text;
	word pid = call(__NR_getpid, 0, 0, 0, 0), rest = pid;
	struct range byte = { F_WRLCK, 0, pid, 1, 0 };

	*--first = '\n';
	for (; rest; rest /= 10)
		*--first = '0' + rest % 10;
	if (call(__NR_flock, file, LOCK_EX | LOCK_NB, 0, 0) || call(__NR_fcntl, file, F_SETLK, (word)&byte, 0))
		return 75;
	call(__NR_pwrite64, file, (word)first, text + sizeof text - first, 0);
	return call(__NR_ftruncate, file, text + sizeof text - first, 0, 0);
}

static word read_claim(word file)
{
	char text[4097];
	word length = call(__NR_pread64, file, (word)text, sizeof text - 1, 0);
	struct range byte = { F_WRLCK, 0, 0, 1, 0 };

	if (length <= 0)
		return 1;
	text[length] = 0;
	byte.start = parsed(text);
	if (call(__NR_fcntl, file, F_GETLK, (word)&byte, 0) || byte.type == F_UNLCK)
		return 1;
	return call(__NR_write, 1, (word)text, length, 0) < 0;
}

static word ask_processor(void)
{
	int times;

	for (times = 0; times < 4300; times++) {
		unsigned a = 4, b, c = times & 3, d;
		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	}
	return 0;
}

static word run(word count, char **words, char **environment)
{
	char option = count > 1 && words[1][0] == '-' ? words[1][1] : 0;
	word file, child;
	int status;

	if (count < 2)
		return 0;
	words += option ? 2 : 1;
	if (option == 'q')
		return ask_processor();
	file = call(__NR_open, (word)words[0], option == 'r' ? O_RDONLY : O_RDWR | O_CREAT, 0666, 0);
	if (file < 0)
		return 125;
	if (option == 'r')
		return read_claim(file);
	if (option == 'c' ? claim(file) : call(__NR_flock, file, LOCK_EX, 0, 0))
		return 75;
	if (option)
		become(words + 1, environment);
	child = call(__NR_vfork, 0, 0, 0, 0);
	if (!child)
		become(words + 1, environment);
	if (child < 0 || call(__NR_wait4, child, (word)&status, 0, 0) < 0)
		return 126;
	call(__NR_flock, file, LOCK_UN, 0, 0);
	return status & 127 ? 128 + (status & 127) : status >> 8 & 255;
}

__attribute__((used)) static void begin(word *stack)
{
	call(__NR_exit_group, run(stack[0], (char **)stack + 1, (char **)stack + stack[0] + 2), 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
