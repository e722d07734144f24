# expect: output OutputLimit
import sys

while True:
    sys.stderr.write("all work and no play\n" * 100)  # <-
