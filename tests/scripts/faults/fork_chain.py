# expect: failed ProcessLeft
# Each lives for an instant, so that whoever looks for it finds nothing.
import os
import time

if not os.fork():
    end = time.time() + 30
    while time.time() < end:
        if os.fork():
            os._exit(0)
