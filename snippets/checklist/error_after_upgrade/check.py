"""What the new versions have no more: call these with what the error names."""

import ast
import inspect
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import torch


def objects_in_a_checkpoint(checkpoint):
    """List what a file holds besides tensors and plain values, without running any of it; takes a path or a file."""
    place = checkpoint.tell() if hasattr(checkpoint, "seek") else None
    try:
        if place is not None:
            checkpoint.seek(0)
        found = torch.serialization.get_unsafe_globals_in_checkpoint(checkpoint)
    except ValueError:  # a file of the format before torch 1.6 cannot be listed: it is read until it is refused
        found = []
        try:
            if place is not None:
                checkpoint.seek(0)
            torch.load(checkpoint, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            found = re.findall(r"GLOBAL (\S+)", str(error))[:1]
    finally:
        if place is not None:
            checkpoint.seek(place)
    if found:
        return f"torch.load refuses {len(found)} kinds of objects: {', '.join(found)}"


def arguments_that_are_gone(scheduler_class, options):
    """Compare the arguments that you pass with those that a class or function has in this version."""
    try:
        parameters = inspect.signature(scheduler_class).parameters
    except ValueError:  # written in C, and tells nothing
        return None
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    gone = sorted(set(options) - set(parameters))
    if gone and not takes_any:
        package = sys.modules[scheduler_class.__module__.partition(".")[0]]
        version = getattr(package, "__version__", package.__name__)
        return f"{scheduler_class.__name__} has no argument {', '.join(gone)} in this version, {version}"


def gradients_that_are_none(model):
    """Ask whether gradients are None: zero_grad() sets them so, where older versions wrote zeros."""
    trained = [
        (name, one) for name, one in model.named_parameters() if one.requires_grad
    ]
    missing = [name for name, one in trained if one.grad is None]
    if missing and len(missing) == len(trained):
        return f"the gradients of all {len(trained)} parameters are None: zero_grad() came last, or backward() never"
    if missing:
        return f"the gradients of {len(missing)} of {len(trained)} parameters are None, the first is {missing[0]}: not used"


def names_that_numpy_dropped(__file__):
    """Look in a program for np.… or numpy.… that this version of NumPy does not have; comments do not count."""
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("np", "numpy")
    }
    gone = sorted(name for name in used if not hasattr(np, name))
    if gone:
        return (
            f"NumPy {np.__version__.partition('.')[0]} has no np.{', np.'.join(gone)}"
        )
