# expect: passed
# Looks into the environment of every process that it may see.
from pathlib import Path

found = 0
for file in Path("/proc").glob("[0-9]*/environ"):
    try:
        found += b"VERIFY_FAULT_SECRET=" in file.read_bytes()
    except OSError:
        pass
assert not found, f"found it in {found} processes"
print("found nothing")
