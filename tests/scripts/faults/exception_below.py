# expect: failed RuntimeError
# The innermost frame is torch's; the line to name is the snippet's.
import torch

torch.ones(2, 3) @ torch.ones(2, 3)  # <-
