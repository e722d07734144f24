# expect: exited-early ExitedEarly
# Says "I have reached my end" on every descriptor, without knowing the number that belongs to it.
import contextlib
import os

for fd in range(3, 256):
    with contextlib.suppress(OSError):
        os.write(fd, b'{"nonce": "", "at": "end", "seconds": 0}\n')
os._exit(0)
