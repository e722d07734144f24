"""What readers call on a model of their own leaves it whole where the model raises an error, or they stop it.

The checks of symptoms are ended in their planted programs: :mod:`tests.support.interrupted`.
"""

from __future__ import annotations

import importlib
import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from scripts.problems import ROOT
from tests.support import interrupted, untouched

# Beside diagnostics, what runs the reader's model in a mode of its own, or with hooks: by module below snippets.
OTHERS = {
    "diagnostics.memory_and_speed_profile.from_scratch": ["forward_operations"],
    "initialization.lsuv.use": ["lsuv"],
    "normalization.adaptive_batch_normalization.use": ["adapt_bn"],
    "normalization.online_batch_norm_disharmony.use": ["variance_shift"],
    "normalization.precise_batch_normalization.use": ["recompute_bn"],
    "normalization.weight_normalization.use": ["initialize_"],
    "normalization.why_batch_norm_works.use": ["weights_without_scale"],
    "training.training_loop_skeleton.use": ["evaluate"],
    # Checks whose planted programs have no buffers, no generators, or draw no numbers.
    "checklist.bn_small_batch.check": ["independent_samples_per_batch"],
    "checklist.bn_train_eval_gap.check": ["batches_not_alike"],
    "checklist.class_collapse.check": ["labels_come_in_blocks"],
    "checklist.classes_confused.check": ["augmentation_that_makes_another_class"],
    "checklist.compile_differs_from_eager.check": ["compiled_output_that_differs"],
    "checklist.custom_gradient_wrong.check": ["gradient_that_ignores_the_loss"],
    "checklist.error_shape_mismatch.check": ["samples_of_different_shapes"],
    "checklist.forgot_eval.check": ["samples_that_change"],
    "checklist.gpu_underused.check": ["samples_made_here"],
    "checklist.labels_misaligned.check": ["flips_that_leave_the_target"],
    "checklist.loss_oscillates.check": ["gradients_that_pile_up"],
    "checklist.metric_depends_on_batch_size.check": ["metric_that_must_not_be_averaged"],
    "checklist.out_of_memory.check": ["activations_of_the_batch"],
    "checklist.val_noisy.check": ["evaluation_is_random"],
}
PAIRS = ("evaluate",)  # whose batches are inputs with targets


def diagnostics() -> list[Callable[..., Any]]:
    """Public functions of diagnostics that take a model, and data to run it on."""
    found = []
    for path in sorted((ROOT / "snippets" / "diagnostics").glob("*/use.py")):
        module = importlib.import_module(f"snippets.diagnostics.{path.parent.name}.use")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            parameters = set(inspect.signature(function).parameters)
            if own and "model" in parameters and parameters - {"model", "training"}:
                found.append(function)
    return found


def others() -> list[Callable[..., Any]]:
    """Those of other sections."""
    modules = {module: importlib.import_module(f"snippets.{module}") for module in OTHERS}
    return [getattr(modules[module], name) for module, names in OTHERS.items() for name in names]


def drawn(x: torch.Tensor) -> torch.Tensor:
    """Something that readers draw by chance, from each source."""
    return x + random.random() + float(np.random.rand()) + torch.rand(1)


class Augmented(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Samples that are drawn."""

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        return drawn(self.inputs[number]), self.targets[number]


def reader(function: Callable[..., Any]) -> dict[str, Any]:
    """The variables of a reader's program by the names of parameters: trained for a step, one layer frozen."""
    torch.manual_seed(0)
    first = [nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)]
    model = nn.Sequential(*first, nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    if function.__module__.endswith("weight_normalization.use"):
        importlib.import_module(function.__module__).normalize_weights_(model)
    model[5].eval().requires_grad_(False)
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.1, momentum=0.9)
    inputs, targets = torch.randn(12, 6), torch.randint(3, (12,))

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs, targets)

    def step() -> None:
        loss_fn(model(inputs), targets).backward()
        optimizer.step()

    step()
    if function.__name__.startswith("compiled"):
        model = torch.compile(model, backend="eager")
    pairs = list(zip(inputs.split(4), targets.split(4), strict=True))
    loader = DataLoader(Augmented(inputs, targets), 4, shuffle=True, generator=torch.Generator())
    return {
        "augment": drawn,
        "evaluate": lambda model: float(drawn(inputs).sum()),
        "score": 0.5,
        "metric": lambda outputs, targets: (outputs.argmax(1) == targets).float().mean(),
        "train_loader": loader,
        "val_loader": loader,
        "train_set": loader.dataset,
        "x_train": inputs,
        "y_train": targets,
        "model": model,
        "optimizer": optimizer,
        "loss_fn": loss_fn,
        "inputs": inputs,
        "x": inputs,
        "targets": targets,
        "batch": (inputs, targets),
        "batches": pairs if function.__name__ in PAIRS else inputs.split(4),
        "step": 1e-6 if function.__name__ == "gradient_errors" else step,
        "place": 0,
        "dim": 0,
        "others": None,
        "training": True,
    }


@pytest.mark.parametrize("function", [*diagnostics(), *others()], ids=lambda function: function.__name__)
def test_error_leaves_the_model_as_it_was(function: Callable[..., Any]) -> None:
    """Modes, hooks, gradients, settings, random numbers; but for what the function is there to change."""
    calls, meant = ended(function)
    assert calls
    for call in interrupted.places(calls):
        assert ended(function, call)[1] <= meant, f"call {call} of {calls} fails"


@pytest.mark.parametrize("function", [*diagnostics(), *others()], ids=lambda function: function.__name__)
def test_takes_a_model_that_keeps_results(function: Callable[..., Any]) -> None:
    """Of its last forward pass, such as attention, or a weight that the older ``weight_norm`` computed."""
    names = reader(function)
    for module in names["model"].modules():
        module._kept = torch.ones(1, requires_grad=True) * 2
    given = {key: names[key] for key in inspect.signature(function).parameters if key in names}
    function(**given)


def ended(function: Callable[..., Any], call: int = 0) -> tuple[int, set[str]]:
    """Let a reader's model fail at a call, by default at none: how many calls there were, and what is changed."""
    names = reader(function)
    given = {key: names[key] for key in inspect.signature(function).parameters if key in names}
    before = untouched.state(names)
    calls = interrupted.run(function, given, __file__, call)
    return calls, set(untouched.changes(before, names))
