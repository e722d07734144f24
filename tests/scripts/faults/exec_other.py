# expect: exited-early ExitedEarly
import os

os.execv("/bin/true", ["true"])
