# expect: failed AssertionError
import ctypes

libc = ctypes.CDLL(None)
fd = libc.open(__file__.encode(), 2)
assert fd >= 0, "refused"  # <-
libc.write(fd, b"# vandalised\n", 13)
