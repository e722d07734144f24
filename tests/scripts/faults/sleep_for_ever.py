# expect: timeout Timeout
import time

time.sleep(1e6)  # <-
