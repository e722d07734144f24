"""Whether a setting reaches what is trained: look at the objects, not at the file."""

import inspect

from torch import nn


def flags_that_are_always_true(parser):
    """List the options that argparse converts with bool(), for which 'False' is true."""
    names = [a.option_strings[0] for a in parser._actions if a.type is bool]
    if names:
        return (
            f"type=bool makes every text but '' true, also 'False': {', '.join(names)}"
        )


def arguments_that_nobody_takes(Net, settings):
    """Compare the keys of your settings with the named arguments of the class."""
    named = [
        name
        for name, one in inspect.signature(Net).parameters.items()
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    lost = [key for key in settings if key not in named]
    if lost:
        return f"{Net.__name__} does not know {', '.join(lost)}; it knows {', '.join(named)}"


def dropout_that_no_module_has(model):
    """Compare the model's attribute for dropout with what its Dropout modules use."""
    used = {
        m.p for m in model.modules() if isinstance(m, nn.modules.dropout._DropoutNd)
    }
    for name in ("dropout", "dropout_rate", "drop_rate", "dropout_p"):
        value = getattr(model, name, None)
        if isinstance(value, float) and used and value not in used:
            return f"model.{name} is {value}, and the modules use {sorted(used)}"


def settings_that_were_overwritten(optimizer):
    """Compare what the optimizer was made with and what its groups say."""
    for group in optimizer.param_groups:
        for name, asked in optimizer.defaults.items():
            now = group.get("initial_lr", group["lr"]) if name == "lr" else group[name]
            if isinstance(asked, float | int) and now != asked:
                return f"the optimizer was made with {name}={asked}, and its group has {now}"
