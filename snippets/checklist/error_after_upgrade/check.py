"""What the new versions have no more: call these with what the error names."""

import inspect
import re
from pathlib import Path

import numpy as np
import torch


def objects_in_a_checkpoint(checkpoint):
    """List what a file holds besides tensors and plain values, without running any of it; takes a path or a file."""
    if hasattr(checkpoint, "seek"):
        checkpoint.seek(0)
    found = torch.serialization.get_unsafe_globals_in_checkpoint(checkpoint)
    if found:
        return f"torch.load refuses {len(found)} kinds of objects: {', '.join(found)}"


def arguments_that_are_gone(scheduler_class, options):
    """Compare the arguments that you pass with those that a class or function has in this version."""
    gone = sorted(set(options) - set(inspect.signature(scheduler_class).parameters))
    if gone:
        return f"{scheduler_class.__name__} has no argument {', '.join(gone)} in this version, {torch.__version__}"


def gradients_that_are_none(model):
    """Ask whether all gradients are None: zero_grad() sets them so, where older versions wrote zeros."""
    trained = [one for one in model.parameters() if one.requires_grad]
    if all(one.grad is None for one in trained):
        return f"the gradients of all {len(trained)} parameters are None: zero_grad() came last, or backward() never"


def names_that_numpy_dropped(__file__):
    """Look in a program's text for np.… that this version of NumPy does not have."""
    used = set(
        re.findall(r"\bnp\.([A-Za-z_]\w*)", Path(__file__).read_text(encoding="utf-8"))
    )
    gone = sorted(name for name in used if not hasattr(np, name))
    if gone:
        return (
            f"NumPy {np.__version__.partition('.')[0]} has no np.{', np.'.join(gone)}"
        )
