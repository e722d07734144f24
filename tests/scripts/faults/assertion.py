# expect: failed AssertionError
import torch

assert torch.zeros(1).item() == 1, "zero is not one"  # <-
