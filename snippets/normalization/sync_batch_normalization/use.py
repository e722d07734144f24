"""Batch normalization over the batches of all devices, for a model of any normalization layers.

Source: Peng et al., "MegDet: A Large Mini-Batch Object Detector", 2017.
"""

import torch
from torch import nn


def synchronized(model: nn.Module) -> nn.Module:
    """Turn every batch normalization of a model into one that takes its statistics from all devices.

    Call it on each process, before ``DistributedDataParallel`` and before ``torch.compile``. Parameters and buffers
    are kept, so an optimizer that exists already goes on. Without a process group the layers work as before.

    Args:
        model: any module; a model that is itself a batch normalization is replaced, so use what is returned.
    """
    return nn.SyncBatchNorm.convert_sync_batchnorm(model)


if __name__ == "__main__":
    torch.manual_seed(0)
    model: nn.Module = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(16, 64)
    expected = model(x)
    parameters = {id(p) for p in model.parameters()}
    model = synchronized(model)  # on several devices: then DistributedDataParallel(model.to(device))
    print(f"layers: {[type(layer).__name__ for layer in model.children()]}")
    print(f"same parameters: {parameters == {id(p) for p in model.parameters()}}")
    print(f"same output in one process: {torch.equal(model(x), expected)}")
