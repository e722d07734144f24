"""What keeps a GPU waiting, by counting; profiler is a torch.profiler.profile() of profiled_steps steps of your loop."""

import random

import numpy as np
import torch


def samples_made_here(train_loader):
    """Ask whether the training process makes samples anew, or only points at memory; reads one sample twice."""
    if train_loader.num_workers > 0:
        return None
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        pair = [train_loader.dataset[0], train_loader.dataset[0]]
    random.setstate(states[0])
    np.random.set_state(states[1])
    first, second = (one[0] if isinstance(one, tuple | list) else one for one in pair)
    if isinstance(first, torch.Tensor):
        stored = first.data_ptr() == second.data_ptr()
    elif isinstance(first, np.ndarray):
        stored = np.shares_memory(first, second)
    else:
        stored = first is second
    if not stored:
        return (
            f"num_workers is 0, and this process makes each of the {train_loader.batch_size} samples of a "
            "batch anew; it launches nothing on the GPU meanwhile"
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


def operations_by_layer(model, profiler, profiled_steps):
    """Compare the operations of a step with the number of layers."""
    layers = sum(1 for module in model.modules() if not list(module.children()))
    operations = sum(row.count for row in profiler.key_averages()) / profiled_steps
    if operations > 600 * layers:
        return (
            f"{operations:.0f} operations in each step for {layers} layers: {operations / layers:.0f} for "
            "each layer, and 100 are plenty; something runs in a Python loop"
        )


def operations_by_sample(model, profiler, profiled_steps, inputs):
    """Compare the operations of a step with the samples that share them."""
    layers = sum(1 for module in model.modules() if not list(module.children()))
    operations = sum(row.count for row in profiler.key_averages()) / profiled_steps
    if operations <= 600 * layers and len(inputs) < 8:
        return (
            f"{operations:.0f} operations in each step are launched for {len(inputs)} samples, "
            f"{operations / len(inputs):.0f} for each"
        )
