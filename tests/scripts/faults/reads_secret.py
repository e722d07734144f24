# expect: failed KeyError
import os

print(os.environ["VERIFY_FAULT_SECRET"])  # <-
