# expect: timeout Timeout
while True:  # <-
    pass  # <-
