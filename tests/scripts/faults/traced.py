# expect: failed AssertionError
# A traced child stops at every signal, and its parent is told so.
import ctypes

libc = ctypes.CDLL(None)
assert libc.ptrace(0, 0, 0, 0) >= 0, "refused"  # <-
