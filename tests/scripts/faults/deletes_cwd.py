# expect: failed PermissionError
import os
import shutil

shutil.rmtree(os.getcwd())  # <-
