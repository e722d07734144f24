# expect: memory RuntimeError
import torch

kept = []
while True:
    kept.append(torch.ones(1 << 24))  # <-
