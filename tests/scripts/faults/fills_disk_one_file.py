# expect: output OSError
with open("large.txt", "wb", buffering=0) as stream:
    while True:
        assert stream.write(bytes(1 << 24)) == 1 << 24 or stream.write(b"x")  # <-
