# expect: failed AssertionError
import ctypes

libc = ctypes.CDLL(None)
assert libc.msgget(4242, 0o1666) >= 0, "refused"  # <-
