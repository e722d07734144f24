# expect: failed AssertionError
import ctypes

libc = ctypes.CDLL(None)
assert libc.semget(4242, 1, 0o1666) >= 0, "refused"  # <-
