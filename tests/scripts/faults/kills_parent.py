# expect: failed PermissionError
import os
import signal

os.kill(os.getppid(), signal.SIGKILL)  # <-
