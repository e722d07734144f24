# expect: output OutputLimit
import tempfile
import time

held = [tempfile.TemporaryFile() for _ in range(6)]
for file in held:
    file.write(bytes(7 << 20))  # <-
    file.flush()  # <-
time.sleep(30)  # <-
