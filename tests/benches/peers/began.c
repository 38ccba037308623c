/* Says when it began, in nanoseconds of the monotonic clock. */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec) < 0;
}
