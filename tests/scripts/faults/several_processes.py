# expect: passed
# Not a fault: locks and tensors between a snippet's own processes work.
import multiprocessing

import torch
from torch.utils.data import DataLoader, TensorDataset


def square(x):
    return x * x


with multiprocessing.Pool(2) as pool:
    print(pool.map(square, range(4)))
loader = DataLoader(TensorDataset(torch.arange(10.0)), batch_size=5, num_workers=2)
print(sum(batch[0].sum().item() for batch in loader))
