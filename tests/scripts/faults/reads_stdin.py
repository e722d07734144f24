# expect: failed EOFError
name = input("your name? ")  # <-
