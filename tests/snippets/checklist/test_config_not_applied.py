"""config-not-applied: what it looks like, and every cause of it planted."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from snippets.checklist.config_not_applied import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Two settings that should train differently print the same numbers."""
    return run.series("setting 1 loss") == run.series("setting 2 loss")


@causes("config-not-applied")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_flags_of_subcommands_and_arguments_without_dashes() -> None:
    """Both are converted with bool() like any option."""
    parser = argparse.ArgumentParser()
    parser.add_argument("resume", type=bool)
    parser.add_subparsers().add_parser("train").add_argument("--amp", type=bool)
    assert check.flags_that_are_always_true(parser).endswith("resume, --amp")


class Base(nn.Module):
    """Names one argument, and drops the others."""

    def __init__(self, hidden: int = 8, **kwargs: Any) -> None:
        super().__init__()


class Child(Base):
    """Hands on what it does not name."""

    def __init__(self, depth: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)


def make(depth: int = 2, **kwargs: Any) -> Child:
    """A function that makes a model."""
    return Child(depth)


def test_an_argument_of_the_base_class_is_known() -> None:
    """And one that no class names is lost."""
    assert not check.arguments_that_nobody_takes(Child, {"depth": 3, "hidden": 4})
    assert "no argument width" in check.arguments_that_nobody_takes(Child, {"depth": 3, "width": 4})
    assert "no argument width" in check.arguments_that_nobody_takes(make, {"depth": 3, "width": 4})
    assert not check.arguments_that_nobody_takes(make, {"depth": 3})


class Blocks(nn.Module):
    """A rate that is copied into a module, or read by ``forward``, beside a module with a rate of its own."""

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout, self.embedding, self.lstm = dropout, nn.Dropout(0.1), nn.LSTM(4, 4, 2, dropout=dropout)


class Functional(Blocks):
    """The same rate, read at each call."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop."""
        return nn.functional.dropout(self.embedding(x), self.dropout, self.training)


def test_dropout_that_forward_reads_or_an_lstm_has_is_used() -> None:
    """One that was set later is not, wherever it is, an integer too."""
    copied, read = Blocks(), Functional()
    model = nn.Sequential(copied, read)
    assert not check.dropout_that_no_module_has(model)
    read.dropout = 0.3
    assert not check.dropout_that_no_module_has(model)
    for rate in (0.3, 0):
        copied.dropout = rate
        assert f"Blocks.dropout is {rate}" in check.dropout_that_no_module_has(model)


def test_groups_with_settings_of_their_own_are_sound() -> None:
    """No weight decay on biases, a layer with its own learning rate; loaded betas are found."""
    weight, bias = nn.Linear(3, 3).parameters()
    groups = [{"params": [weight], "lr": 1e-4}, {"params": [bias], "weight_decay": 0.0}]
    assert not check.settings_that_were_overwritten(torch.optim.AdamW(groups, lr=0.1))
    saved = torch.optim.Adam([weight], lr=0.1)
    optimizer = torch.optim.Adam([weight], lr=0.1, betas=(0.9, 0.98))
    assert not check.settings_that_were_overwritten(optimizer)
    optimizer.load_state_dict(saved.state_dict())
    assert "betas" in check.settings_that_were_overwritten(optimizer)


def test_a_new_scheduler_starts_from_the_loaded_initial_lr() -> None:
    """A new value of ``lr`` alone is overwritten by it; ``initial_lr`` has to be set as well."""
    weight = nn.Parameter(torch.ones(1))
    saved = torch.optim.SGD([weight], lr=0.1)
    LambdaLR(saved, lambda step: 1.0)
    for keys, expected in ((["lr"], 0.1), (["lr", "initial_lr"], 0.01)):
        optimizer = torch.optim.SGD([weight], lr=0.01)
        optimizer.load_state_dict(saved.state_dict())
        optimizer.param_groups[0] |= dict.fromkeys(keys, 0.01)
        LambdaLR(optimizer, lambda step: 1.0)
        assert optimizer.param_groups[0]["lr"] == expected


def test_data_prepared_with_other_settings_in_other_shapes() -> None:
    """Lists of tokens cut at another length, one token exchanged, images of another size, NaN for numbers."""
    texts = [list(range(30000, 30000 + n)) for n in (5, 9, 12, 3, 7, 20, 8, 11, 2, 6)]

    def cut(limit: int) -> Any:
        return lambda some: [text[:limit] for text in some]

    find = check.data_prepared_otherwise
    assert not find(cut(8), texts, cut(8)(texts))
    assert str(find(cut(8), texts, cut(4)(texts))).startswith("7 of the first 8 samples")
    exchanged = cut(8)(texts)
    exchanged[1][0] += 1
    assert str(find(cut(8), texts, exchanged)).startswith("1 of the first 8 samples")
    images = torch.rand(10, 3, 8, 8)
    assert find(lambda some: some[..., ::2, ::2], images, images)
    assert find(lambda some: some, images, images * torch.nan)


def test_data_that_are_sound_however_they_were_kept() -> None:
    """Half precision, numpy, NaN for what is missing, fewer samples than asked for; zeros."""
    raw = torch.rand(100, 5) * 1000
    raw[3, 2] = torch.nan
    for scale in (1e-3, 1.0, 0.0):

        def prepare(some: torch.Tensor, scale: float = scale) -> torch.Tensor:
            return some * scale

        for kept in (prepare(raw), prepare(raw).half().float(), prepare(raw).numpy()):
            assert not check.data_prepared_otherwise(prepare, raw, kept)
        assert not check.data_prepared_otherwise(prepare, raw[:3], prepare(raw[:3]))


def test_chance_and_neighbours_are_not_taken_for_a_cache() -> None:
    """Augmentation, and standardizing by the samples at hand: the check says nothing and draws no number."""
    raw = torch.rand(100, 5)
    state = torch.get_rng_state()
    assert not check.data_prepared_otherwise(lambda some: some + torch.randn(some.shape), raw, raw)
    assert not check.data_prepared_otherwise(lambda some: (some - some.mean(0)) / some.std(0), raw, raw)
    assert torch.equal(state, torch.get_rng_state())
