/* A daemon in C that claims its PID file for itself: claim PIDFILE
 * The lock belongs to the open file, so `pidfile claim --fd` can take it for its parent. Exit code 75: it runs already. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char number[16];
	int fd, status;
	pid_t child;

	if (argc != 2 || (fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0) {
		perror("open");
		return 1;
	}
	snprintf(number, sizeof number, "%d", fd);
	if ((child = fork()) == 0) {
		fcntl(fd, F_SETFD, 0);
		execlp("pidfile", "pidfile", "claim", "--fd", number, argv[1], (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	puts("claimed");
	fflush(stdout);
	for (;;)
		pause();
}
