"""Every public name of torch's own toolboxes is explained on some English page, by the `torch:` of its front matter."""

import importlib
import pkgutil
import re

import pytest

from scripts.sources.catalog import Catalog

# Names that torch lists as public and that are no technique: base classes, submodules, tools of other libraries.
NOT_A_TECHNIQUE = {
    "torch.optim.Optimizer",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.optim.swap_in_optimizer_params_and_state",
    "torch.optim.lr_scheduler.LRScheduler",
}


def public_names(namespace: str) -> list[str]:
    """Dotted names in the module's `__all__`, without those of NOT_A_TECHNIQUE."""
    names = [f"{namespace}.{name}" for name in importlib.import_module(namespace).__all__]
    return [name for name in names if name not in NOT_A_TECHNIQUE]


def explained(catalog: Catalog) -> set[str]:
    """Every name that a page's front matter gives under `torch:`."""
    return {name for entry in catalog.entries for name in entry.facts("torch")}


@pytest.mark.parametrize(
    ("namespace", "at_least"),
    [
        ("torch.nn.init", 26),  # deprecated aliases and calculate_gain included
        ("torch.optim", 14),
        ("torch.optim.lr_scheduler", 15),
        ("torch.optim.swa_utils", 7),
    ],
)
def test_every_public_name_is_on_a_page(catalog, namespace: str, at_least: int) -> None:
    names = public_names(namespace)
    assert len(names) >= at_least, f"only {len(names)} names enumerated: this test would pass empty"
    missing = sorted(set(names) - explained(catalog))
    assert not missing, f"{len(missing)} of {len(names)} stand on no page: {', '.join(missing)}"


@pytest.mark.parametrize(
    ("namespace", "kind", "at_least"),
    [
        ("torch.nn", r"Norm|Dropout|LRN|LocalResponse", 24),
        ("torch.nn.functional", r"norm|dropout", 13),
        ("torch.nn.utils", r"^(weight|spectral)_norm", 2),
        ("torch.nn.utils.parametrizations", r"_norm$", 2),
    ],
)
def test_every_normalizer_and_every_dropout_is_on_a_page(catalog, namespace: str, kind: str, at_least: int) -> None:
    """By its name: modules, their lazy forms, their functions, and what normalizes weights."""
    module = importlib.import_module(namespace)
    names = [f"{namespace}.{name}" for name in vars(module) if re.search(kind, name) and name[0] != "_"]
    own = [name for name in names if not name.endswith(("_", "torch_function", "modules"))]
    assert len(own) >= at_least, f"only {len(own)} names enumerated: this test would pass empty"
    missing = sorted(set(own) - explained(catalog))
    assert not missing, f"{len(missing)} of {len(own)} stand on no page: {', '.join(missing)}"


def test_names_on_pages_exist(catalog) -> None:
    """A name on a page is torch's name of something: typing errors and removed names are found here."""
    found = explained(catalog)
    assert found, "no page names anything of torch"
    for name in sorted(found):
        try:
            pkgutil.resolve_name(name)  # imports modules that torch itself does not, such as torch.utils.flop_counter
        except (ImportError, AttributeError) as error:
            raise AssertionError(f"torch has no {name}") from error
