"""What keeps a GPU waiting, by counting; profiler is a torch.profiler.profile() of profiled_steps steps of your loop."""

import random

import numpy as np
import torch
from torch import nn


def samples_made_here(train_loader):
    """Ask whether the training process makes samples anew, or only points at memory; reads one sample twice."""
    if train_loader.num_workers > 0 or isinstance(
        train_loader.dataset, torch.utils.data.IterableDataset
    ):
        return None
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            pair = [train_loader.dataset[0], train_loader.dataset[0]]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    pair = [list(one.values()) if isinstance(one, dict) else one for one in pair]
    first, second = (one[0] if isinstance(one, tuple | list) else one for one in pair)
    if isinstance(first, torch.Tensor):
        stored = first.data_ptr() == second.data_ptr()
    elif isinstance(first, np.ndarray):
        stored = np.shares_memory(first, second)
    else:
        stored = first is second
    if not stored:
        return (
            "num_workers is 0, and this process makes each sample of a batch anew; "
            "it launches nothing on the GPU meanwhile"
        )


def waits_for_results(profiler, profiled_steps):
    """Count the values that Python fetched from tensors outside the optimizer: each waits for the GPU."""
    waits = 0
    for event in profiler.events():
        if event.name == "aten::_local_scalar_dense":
            parent = event.cpu_parent
            while parent is not None and not parent.name.startswith("Optimizer."):
                parent = parent.cpu_parent
            waits += parent is None
    if waits > 2 * profiled_steps:
        return (
            f"{waits / profiled_steps:.0f} values are fetched from tensors in each step, and for each "
            "the program waits until the GPU has finished"
        )


def layers_of(model):
    """Count modules without parts, or weights where these are more."""
    return max(
        sum(not list(m.children()) for m in model.modules()),
        len(list(model.parameters())),
    )


def operations_by_layer(model, profiler, profiled_steps):
    """Compare the operations of a step with the number of layers."""
    layers = layers_of(model)
    operations = sum(row.count for row in profiler.key_averages()) / profiled_steps
    if any(
        isinstance(m, nn.RNNBase) and not m.weight_hh_l0.is_cuda
        for m in model.modules()
    ):
        return None  # on a CPU torch itself loops over the time steps
    if operations > 600 * layers:
        return (
            f"{operations:.0f} operations in each step for {layers} layers: {operations / layers:.0f} for "
            "each layer, and 100 to 150 are common; something runs in a Python loop"
        )


def operations_by_sample(model, profiler, profiled_steps, inputs):
    """Compare the operations of a step with the samples that share them, where these are few numbers as well."""
    operations = sum(row.count for row in profiler.key_averages()) / profiled_steps
    if (
        operations <= 600 * layers_of(model)
        and len(inputs) < 8
        and inputs.numel() < 4096
    ):
        return (
            f"{operations:.0f} operations in each step are launched for {len(inputs)} samples, "
            f"{operations / len(inputs):.0f} for each"
        )
