# expect: output OutputLimit
# Files that lie in memory and have no name.
import os
import time

held = [os.memfd_create("x") for _ in range(6)]
for fd in held:
    os.write(fd, bytes(7 << 20))  # <-
time.sleep(30)  # <-
