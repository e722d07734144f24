# expect: output OutputLimit
with open("large.csv", "wb") as stream:
    stream.write(b"1," * (3 << 20))
