# expect: failed AssertionError
# In one of its own it could mount.
import ctypes

libc = ctypes.CDLL(None)
assert libc.unshare(0x10000000) >= 0, "refused"  # <-
