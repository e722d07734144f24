# expect: failed Refused
print("a​b")  # <-
