# expect: exited-early ExitedEarly
# A report that knows the number that belongs to it, but is not of the form of one.
import os
import sys

sys._getframe(1).f_locals["report"](at="end", seconds="for ever")
os._exit(0)
