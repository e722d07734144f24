"""Why the same input gets another answer: call these where the model predicts, in the state in which it predicts."""

import random

import numpy as np
import torch
from torch import nn

MODE_DEPENDENT = (nn.modules.batchnorm._BatchNorm, nn.RReLU)


def modules_in_train_mode(model):
    """List the layers whose output depends on the mode and which are in training mode."""
    found = []
    for name, module in model.named_modules():
        rates = [
            getattr(module, key, 0)
            for key in ("p", "dropout", "drop_prob", "drop_path")
        ]
        random_too = any(isinstance(rate, float) and 0 < rate < 1 for rate in rates)
        if module.training and (random_too or isinstance(module, MODE_DEPENDENT)):
            found.append(f"{name or 'model'} ({type(module).__name__})")
    if found:
        return f"{len(found)} layer(s) in training mode: {', '.join(found[:3])}"


def samples_that_change(val_loader):
    """Fetch each of the first 16 samples of the data set twice: for data sets with an index."""
    dataset = val_loader.dataset
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        count = min(16, len(dataset))
        changed = 0
        for i in range(count):
            first, second = (
                torch.as_tensor(dataset[i][0]).nan_to_num() for _ in range(2)
            )
            changed += first.shape != second.shape or not torch.equal(first, second)
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
    if changed:
        return f"{changed} of {count} samples are other numbers when they are fetched a second time"


def samples_left_out(val_loader):
    """Count the samples that an evaluation leaves out; with shuffle they are others each time."""
    total, size = len(val_loader.dataset), val_loader.batch_size or 1
    drawn = len(val_loader.sampler)
    used = drawn - drawn % size if val_loader.drop_last else drawn
    shuffled = isinstance(val_loader.sampler, torch.utils.data.RandomSampler)
    if used < total and shuffled:
        return f"each pass uses {used} of {total} samples, chosen at random: {total - used} are left out"


def weights_not_in_checkpoint(model, checkpoint):
    """List what the model has and the checkpoint lacks under every name; counters and ids, all integers, do not count."""
    state = model.state_dict()
    loaded = {state[name].data_ptr() for name in state if name in checkpoint}
    missing = [
        name
        for name, tensor in state.items()
        if tensor.is_floating_point() and tensor.data_ptr() not in loaded
    ]
    if missing:
        return f"{len(missing)} of {len(state)} tensors are not in the checkpoint: {', '.join(missing[:3])}"
