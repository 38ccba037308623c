/* The least that a lock wrapper can do: the system calls, in a static program, and nothing else. `floor [-F] FILE COMMAND` */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **words)
{
	int become = count > 1 && !strcmp(words[1], "-F"), status, file;
	pid_t child;

	words += 1 + become;
	if (count < 3 + become || (file = open(words[0], O_RDWR | O_CREAT, 0666)) < 0 || flock(file, LOCK_EX))
		return 125;
	if (become)
		return execvp(words[1], words + 1), 127;
	if (posix_spawnp(&child, words[1], 0, 0, words + 1, environ) || waitpid(child, &status, 0) < 0)
		return 127;
	flock(file, LOCK_UN);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
