"""error-after-upgrade: what it looks like, and every cause of it planted."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from snippets.checklist.error_after_upgrade import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, prove

SYMPTOM = "error-after-upgrade"


def shows(run: Run) -> bool:
    """An error ends it, with one of the page's texts."""
    return run.error is not None and bool(said(SYMPTOM, run))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def saved(value: object, new: bool = True) -> io.BytesIO:
    """A file, read to its end."""
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=new)
    return file


def test_files_are_listed_in_both_formats_and_left_where_they_were() -> None:
    """Values of NumPy are objects, too; plain dictionaries of tensors are none; a class can be admitted."""
    file = saved({"settings": SimpleNamespace(lr=0.1)})
    place = file.tell()
    assert "types.SimpleNamespace" in check.objects_in_a_checkpoint(file)
    assert file.tell() == place
    old = saved({"settings": SimpleNamespace(lr=0.1)}, new=False)
    assert "types.SimpleNamespace" in check.objects_in_a_checkpoint(old)
    assert "scalar" in check.objects_in_a_checkpoint(saved({"best": np.float64(0.9)}))
    for new in (True, False):
        assert not check.objects_in_a_checkpoint(saved({"w": torch.ones(2), "lr": 0.1}, new))
    with torch.serialization.safe_globals([SimpleNamespace]):
        file.seek(0)
        assert torch.load(file)["settings"].lr == 0.1


def test_arguments_of_all_kinds_of_functions() -> None:
    """One that takes any keyword has lost none; one that tells nothing is not asked; NumPy has its own version."""
    assert not check.arguments_that_are_gone(lambda **options: options, {"verbose": True})
    assert not check.arguments_that_are_gone(torch.tensor, {"verbose": True})
    assert check.arguments_that_are_gone(np.mean, {"verbose": True}).endswith(np.__version__)


def test_no_scheduler_takes_verbose() -> None:
    """Of all that torch has."""
    kinds = [one for one in vars(lr_scheduler).values() if inspect.isclass(one)]
    assert sum(issubclass(one, lr_scheduler.LRScheduler) for one in kinds) > 10
    for one in kinds:
        if issubclass(one, lr_scheduler.LRScheduler):
            assert "verbose" not in inspect.signature(one).parameters


def test_a_layer_that_took_no_part_has_no_gradient() -> None:
    """It is named; a model that is frozen has nothing to ask for."""
    model = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])
    model[0](torch.ones(1, 2)).sum().backward()
    assert "2 of 4 parameters are None, the first is 1.weight" in check.gradients_that_are_none(model)
    assert not check.gradients_that_are_none(model.requires_grad_(False))


@pytest.mark.parametrize(
    ("text", "gone"),
    [("import numpy\nnumpy.float(1)", "np.float"), ("import numpy as np\n# np.float is gone\nnp.pi", "")],
)
def test_names_of_numpy_stand_in_code(tmp_path: Path, text: str, gone: str) -> None:
    """Under both names of the package, and not in comments."""
    (tmp_path / "program.py").write_text(text)
    found = check.names_that_numpy_dropped(tmp_path / "program.py") or ""
    assert found.endswith(gone)
    assert bool(found) == bool(gone)
