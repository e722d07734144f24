# expect: failed PermissionError
with open(__file__, "a") as stream:  # <-
    stream.write("# vandalised\n")
