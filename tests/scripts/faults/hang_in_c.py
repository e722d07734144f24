# expect: timeout Timeout
# PyDLL keeps the interpreter lock during the call.
import ctypes

ctypes.PyDLL(None).sleep(1_000_000)  # <-
