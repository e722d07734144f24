# expect: crashed ProcessLimit
import os
import time

for _ in range(70):
    if os.fork() == 0:  # <-
        time.sleep(1e6)
time.sleep(1e6)  # <-
