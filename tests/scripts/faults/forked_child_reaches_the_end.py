# expect: failed AssertionError
import os
import time

if os.fork():
    assert False, "not this one"  # <-
time.sleep(0.3)
