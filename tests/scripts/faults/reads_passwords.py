# expect: failed PermissionError
from pathlib import Path

print(len(Path("/etc/shadow").read_bytes()))  # <-
