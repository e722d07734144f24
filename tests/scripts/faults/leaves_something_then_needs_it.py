# expect: failed AssertionError
import importlib.util
import os

places = [".", "..", "/tmp", "/dev/shm", "/var/tmp", os.path.dirname(__file__), os.path.expanduser("~")]
there = any(os.path.exists(f"{p}/left_by_other_snippet{s}") for p in places for s in ("", ".txt"))
assert there or importlib.util.find_spec("left_by_other_snippet"), "nothing there"  # <-
