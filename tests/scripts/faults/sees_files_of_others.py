# expect: failed AssertionError
import os
from pathlib import Path

assert os.path.lexists(Path(__file__).with_name("harmless.py")), "there is nothing"  # <-
