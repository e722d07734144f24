"""Whether a setting reaches what is trained: look at the objects, not at the file."""

import argparse
import inspect

import torch
from torch import nn


def flags_that_are_always_true(parser):
    """List the options that argparse converts with bool(), for which 'False' is true; also those of subcommands."""
    names, parsers = [], [parser]
    for one in parsers:
        names += [
            "/".join(a.option_strings) or a.dest for a in one._actions if a.type is bool
        ]
        subcommands = [
            a for a in one._actions if isinstance(a, argparse._SubParsersAction)
        ]
        parsers += [inner for a in subcommands for inner in a.choices.values()]
    if names:
        return (
            f"type=bool makes every text but '' true, also 'False': {', '.join(names)}"
        )


def arguments_that_nobody_takes(Net, settings):
    """Compare the keys of your settings with the named arguments of a class, of those it inherits from, or of a function."""
    makers = [
        vars(one)["__init__"]
        for one in getattr(Net, "__mro__", ())
        if "__init__" in vars(one)
    ] or [Net]
    named = []
    for maker in makers:
        arguments = inspect.signature(maker).parameters.values()
        named += [
            one.name
            for one in arguments
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        ]
        if all(one.kind is not one.VAR_KEYWORD for one in arguments):
            break
    named = [name for name in named if name != "self"]
    lost = [key for key in settings if key not in named]
    if lost:
        return f"{Net.__name__} names no argument {', '.join(lost)}; it names {', '.join(named)}"


def dropout_that_no_module_has(model):
    """Compare attributes for dropout, which only __init__ reads, with what the modules use."""
    for owner in model.modules():
        used = [
            m for m in owner.modules() if isinstance(m, nn.modules.dropout._DropoutNd)
        ]
        rates = {m.p for m in used} | {
            m.dropout for m in owner.modules() if isinstance(m, nn.RNNBase)
        }
        bodies = [
            body
            for cls in type(owner).__mro__
            for name, body in vars(cls).items()
            if name != "__init__"
        ]
        read = {
            name
            for body in bodies
            if inspect.isfunction(body)
            for name in body.__code__.co_names
        }
        for name in {"dropout", "dropout_rate", "drop_rate", "dropout_p"} - read:
            value = getattr(owner, name, None)
            if isinstance(value, float | int) and rates and value not in rates:
                return f"{type(owner).__name__}.{name} is {value}, and the modules use {sorted(rates)}"


def settings_that_were_overwritten(optimizer):
    """Look, right after loading, for settings of the optimizer's constructor that none of its groups has."""
    for name, asked in optimizer.defaults.items():
        key = "initial_lr" if name == "lr" else name
        now = [group.get(key, group.get(name)) for group in optimizer.param_groups]
        if isinstance(asked, float | int | tuple) and asked not in now:
            return (
                f"the optimizer was made with {name}={asked}, and its groups have {now}"
            )


def data_prepared_otherwise(prepare, raw, x_train, count=8):
    """Prepare the first samples again, without the cache, and compare them with those on which is trained.

    Both in the same order, before any shuffling. Silent where a sample comes out otherwise in another batch:
    then chance or its neighbours take part.
    """
    with torch.random.fork_rng():
        fresh, fewer = prepare(raw[:count]), prepare(raw[: count // 2])

    def differ(a, b):
        a, b = torch.as_tensor(a).cpu(), torch.as_tensor(b).cpu()
        if a.shape != b.shape or not a.is_floating_point():
            return not torch.equal(a, b)
        a, b = a.double(), b.double()
        most = a[a.isfinite()].abs().max().item() if a.isfinite().any() else 0.0
        # 1% of the largest number: a cache in half precision is no other data
        return not torch.allclose(b, a, rtol=0, atol=0.01 * most, equal_nan=True)

    if any(differ(a, b) for a, b in zip(fresh, fewer, strict=False)):
        return None
    pairs = list(zip(fresh, x_train[:count], strict=False))
    other = sum(differ(a, b) for a, b in pairs)
    if other:
        return f"{other} of the first {len(pairs)} samples come out otherwise when they are prepared again"
