# expect: failed AssertionError
# It would stay when this snippet is long gone.
import ctypes

libc = ctypes.CDLL(None)
assert libc.shmget(4242, 1 << 20, 0o1666) >= 0, "refused"  # <-
