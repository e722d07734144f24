# expect: memory MemoryLimit
# None of them shares anything with the verifier.
import subprocess
import sys
import time

code = "import time; x = bytearray(60 << 20); time.sleep(30)"
programs = [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(8)]  # <-
time.sleep(30)  # <-
