# expect: failed KeyboardInterrupt
raise KeyboardInterrupt  # <-
