#!/usr/bin/python3
# A daemon in Python that claims its PID file for itself: claim.py PIDFILE
# The lock belongs to the open file, so `pidfile claim --fd` can take it for its parent. Exit code 75: it runs already.
import os
import signal
import subprocess
import sys

path = sys.argv[1]
fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
claimed = subprocess.run(["pidfile", "claim", "--fd", str(fd), path], pass_fds=[fd]).returncode
if claimed != 0:
    sys.exit(claimed)
print("claimed", flush=True)
signal.pause()
