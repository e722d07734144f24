# expect: output OutputLimit
print("\n" * 900_000)
