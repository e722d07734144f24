# expect: failed FileNotFoundError
from pathlib import Path

print(Path(__file__).with_name("harmless.py").read_text())  # <-
