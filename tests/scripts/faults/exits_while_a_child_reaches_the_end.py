# expect: exited-early ExitedEarly
import os
import time

if os.fork():
    time.sleep(0.3)
    os._exit(3)
