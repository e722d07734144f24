# expect: failed ModuleNotFoundError
import scripts.verify  # <-
