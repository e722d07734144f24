# expect: crashed Crashed
import os

os.abort()  # <-
