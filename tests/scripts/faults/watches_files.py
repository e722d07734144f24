# expect: failed AssertionError
import ctypes

libc = ctypes.CDLL(None)
assert libc.fanotify_init(0x200, 0) >= 0, "refused"  # <-
