# expect: passed
import contextlib
import os
import sys

sys.modules["left_by_other_snippet"] = sys
with open("left_by_other_snippet.txt", "w") as stream:
    stream.write("x")
for folder in ("/tmp", "/dev/shm", "/var/tmp", os.path.dirname(__file__), os.path.expanduser("~")):
    with contextlib.suppress(OSError), open(f"{folder}/left_by_other_snippet", "w") as stream:
        stream.write("x")
print("left")
