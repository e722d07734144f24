# expect: output OutputLimit
import itertools

for number in itertools.count():
    with open(f"{number}.bin", "wb") as stream:
        stream.write(bytes(1 << 22))
