# expect: failed PermissionError
import os

os.symlink("/var/tmp/verify-fault-was-here", "innocent.txt")
open("innocent.txt", "w")  # <-
