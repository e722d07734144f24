# expect: crashed Crashed
import ctypes

ctypes.string_at(0)  # <-
