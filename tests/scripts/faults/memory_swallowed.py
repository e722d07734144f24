# expect: memory MemoryLimit
# Shared memory is not counted by the kernel's limit on data; the watch over the tree sees it.
import mmap
import time

kept = []
while True:
    kept.append(mmap.mmap(-1, 1 << 26))
    kept[-1].write(b"x" * (1 << 26))
    time.sleep(0.01)
