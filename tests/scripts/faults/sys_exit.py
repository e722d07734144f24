# expect: exited-early SystemExit
import sys

sys.exit(3)  # <-
