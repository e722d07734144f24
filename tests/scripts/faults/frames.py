# expect: failed Refused
# The function that reports how it ended lies in the frame of the caller.
import os
import sys

report = sys._getframe(1).f_locals["report"]  # <-
report(at="end", seconds=0.0)
os._exit(0)
