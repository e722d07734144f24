# expect: failed AssertionError
import ctypes

assert ctypes.CDLL(None).socket(2, 2, 0) >= 0, "refused"  # <-
