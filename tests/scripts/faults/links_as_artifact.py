# expect: passed
# The link is not followed: what it points to must not become an artifact.
import os

os.symlink("/etc/hostname", "stolen.txt")
os.mkfifo("pipe.txt")
print("linked")
