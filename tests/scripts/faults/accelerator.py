# expect: failed AssertionError
import torch

x = torch.zeros(1, device="cuda")  # <-
