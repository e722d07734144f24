# expect: memory MemoryError
kept = []
while True:
    kept.append([0] * (1 << 22))  # <-
