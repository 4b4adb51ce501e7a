/* Runs a command and prints the most memory it ever held, in kilobytes, as the last line of its
 * standard error. Ends with the command's own status.
 *
 *   bench_peak COMMAND [ARGUMENT...] */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage used;
	int status;
	if (argc < 2) {
		fprintf(stderr, "usage: bench_peak COMMAND [ARGUMENT...]\n");
		return 2;
	}
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &used) < 0) {
		perror("bench_peak");
		return 1;
	}
	fprintf(stderr, "%ld\n", used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
