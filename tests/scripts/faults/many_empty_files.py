# expect: output OutputLimit
import time

for number in range(30_000):
    open(f"{number}.tmp", "w").close()
time.sleep(30)
