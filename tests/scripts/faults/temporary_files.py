# expect: passed
import tempfile

with tempfile.NamedTemporaryFile() as named, tempfile.TemporaryFile() as nameless, tempfile.TemporaryDirectory():
    named.write(b"x")
    nameless.write(b"x")
print("written")
