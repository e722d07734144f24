# expect: failed DeprecationWarning
import warnings

warnings.warn("do not use this any more", DeprecationWarning)  # <-
