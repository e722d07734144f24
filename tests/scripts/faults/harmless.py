# expect: passed
import os
import sys
from pathlib import Path

import torch

assert __name__ == "__main__"
assert sys.argv == [__file__]
assert os.listdir() == []
assert not any((Path(entry) / "scripts" / "verify").exists() for entry in sys.path)
Path("numbers.csv").write_text("a,b\n1,2\n")
Path("ignored.bin").write_text("x")
print(torch.arange(3).tolist())
