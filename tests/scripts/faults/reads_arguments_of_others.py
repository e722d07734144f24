# expect: passed
from pathlib import Path

found = [file.parent.name for file in Path("/proc").glob("[0-9]*/cmdline")]
assert len(found) <= 2, f"{len(found)} processes in sight"
print("alone")
