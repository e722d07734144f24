# expect: failed PermissionError
from pathlib import Path

Path("/var/tmp/verify-fault-was-here").write_text("x")  # <-
