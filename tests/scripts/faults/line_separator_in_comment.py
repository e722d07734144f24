# expect: failed Refused
# a comment   raise ValueError  # <-
print("one line here, two lines there")
