# expect: failed ModuleNotFoundError
import torch
import a_package_that_nobody_has  # <-
