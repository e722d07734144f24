# expect: failed ProcessLeft
# Forks twice, as daemons do.
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        for fd in range(256):
            try:
                os.close(fd)
            except OSError:
                pass
        time.sleep(1e6)
    os._exit(0)
os.wait()
