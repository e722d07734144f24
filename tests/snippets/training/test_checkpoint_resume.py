"""Checkpoints: a resumed run against the whole one, files that fail, and the claims of the page."""

import copy
import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snippets.training.checkpoint_resume.use import batches_from, load_checkpoint, save_checkpoint

X = torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
Y = torch.randint(3, (50,), generator=torch.Generator().manual_seed(2))
PER_EPOCH = 50 // 8


def build(name: str = "AdamW") -> dict[str, Any]:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    if name == "SGD":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return {"model": model, "optimizer": optimizer, "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 4)}


def train(run: dict[str, Any], first: int, last: int) -> None:
    for batch in itertools.islice(batches_from(first, 50, 8, seed=3), last - first):
        scale = 0.5 + random.random()  # Python's random numbers belong to the run too
        loss = nn.functional.cross_entropy(run["model"](scale * X[batch]), Y[batch])
        run["optimizer"].zero_grad()
        loss.backward()
        run["optimizer"].step()
        run["scheduler"].step()


def tensors(state: Any) -> list[Any]:
    """All that a state holds, flat."""
    if isinstance(state, dict):
        return [leaf for key in state for leaf in tensors(state[key])]
    return [leaf for each in state for leaf in tensors(each)] if isinstance(state, list | tuple) else [state]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    pairs = [(tensors(one[name].state_dict()), tensors(other[name].state_dict())) for name in one]
    return all(
        torch.equal(a, b) if isinstance(a, Tensor) else a == b
        for mine, theirs in pairs
        for a, b in zip(mine, theirs, strict=True)
    )


@pytest.mark.parametrize("name", ["AdamW", "SGD"])
@pytest.mark.parametrize("stop", [1, PER_EPOCH, PER_EPOCH + 3, 2 * PER_EPOCH])
def test_resumed_equals_uninterrupted(name: str, stop: int, tmp_path: Path) -> None:
    """Weights, buffers, optimizer and scheduler are equal bit by bit; within an epoch, and at its end."""
    torch.manual_seed(0)
    whole = build(name)
    train(whole, 0, stop)
    save_checkpoint(tmp_path / "run.pt", stop, **whole)
    train(whole, stop, 20)
    torch.manual_seed(1)  # another process
    random.seed(1)
    resumed = build(name)
    assert not same(whole, resumed)
    assert load_checkpoint(tmp_path / "run.pt", **resumed) == stop
    train(resumed, stop, 20)
    assert same(whole, resumed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.pt"]


@pytest.mark.parametrize("start", [0, 1, PER_EPOCH - 1, PER_EPOCH, PER_EPOCH + 1, 5 * PER_EPOCH])
def test_batches_from_any_step(start: int) -> None:
    """From any step on the batches are those of the whole run; an epoch has no sample twice, and another order."""
    whole = list(itertools.islice(batches_from(0, 50, 8), 7 * PER_EPOCH))
    later = list(itertools.islice(batches_from(start, 50, 8), 7 * PER_EPOCH - start))
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], later, strict=True))
    first, second = torch.cat(whole[:PER_EPOCH]), torch.cat(whole[PER_EPOCH : 2 * PER_EPOCH])
    assert len(set(first.tolist())) == len(set(second.tolist())) == 8 * PER_EPOCH
    assert not torch.equal(first, second)


def test_batches_that_no_data_fill() -> None:
    """A data set smaller than one batch is refused with both numbers."""
    with pytest.raises(ValueError, match="5 samples do not fill a batch of 8"):
        next(batches_from(0, 5, 8))


def test_part_that_refuses_its_state(tmp_path: Path) -> None:
    """An optimizer with other groups raises its own error; the model before it is loaded by then."""
    saved, run = build(), build()
    save_checkpoint(tmp_path / "run.pt", 7, **saved)
    run["optimizer"] = torch.optim.AdamW([{"params": [p]} for p in run["model"].parameters()])
    with pytest.raises(ValueError, match="different number of parameter groups"):
        load_checkpoint(tmp_path / "run.pt", **run)
    assert same({"model": saved["model"]}, {"model": run["model"]})


class Unsaveable:
    """A part whose state cannot be written."""

    def state_dict(self) -> Any:
        return {"first": torch.zeros(1000), "second": lambda: None}


def test_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    """An error in the middle of saving leaves the old file, and it loads."""
    run = build()
    save_checkpoint(tmp_path / "run.pt", 7, **run)
    before = (tmp_path / "run.pt").read_bytes()
    with pytest.raises(Exception, match="lambda"):
        save_checkpoint(tmp_path / "run.pt", 8, **run, broken=Unsaveable())
    assert (tmp_path / "run.pt").read_bytes() == before
    assert load_checkpoint(tmp_path / "run.pt", **build()) == 7


@pytest.mark.parametrize("names", [["model", "optimizer"], ["model", "optimizer", "scheduler", "ema"]])
def test_other_parts_are_refused(names: list[str], tmp_path: Path) -> None:
    """One part too few or too many: an error, and nothing was loaded."""
    save_checkpoint(tmp_path / "run.pt", 7, **build())
    run = build() | {"ema": nn.Linear(2, 2)}
    parts = {name: run[name] for name in names}
    before, states = copy.deepcopy(parts), torch.get_rng_state()
    with pytest.raises(ValueError, match="the file has"):
        load_checkpoint(tmp_path / "run.pt", **parts)
    assert same(parts, before)
    assert torch.equal(torch.get_rng_state(), states)


def test_adamw_triples_the_file(tmp_path: Path) -> None:
    """Weights and two averages: the file is three times as large as the model's alone, to 5%."""
    model = nn.Linear(600, 600)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(1, 600)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path / "run.pt", 1, model=model, optimizer=optimizer)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    whole, alone = ((tmp_path / name).stat().st_size for name in ("run.pt", "model.pt"))
    assert whole / alone == pytest.approx(3, rel=0.05)


def test_parameters_lack_the_buffers() -> None:
    """state_dict() has the running mean and variance; parameters() and named_parameters() do not."""
    model = build()["model"]
    lacking = set(model.state_dict()) - {name for name, _ in model.named_parameters()}
    assert lacking == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}


def test_seed_repeats_the_masks() -> None:
    """A program that sets its seed at the start draws after a resume the masks that it drew at the start."""
    dropout = nn.Dropout(0.5)
    torch.manual_seed(0)
    first, second = dropout(torch.ones(100)), dropout(torch.ones(100))
    torch.manual_seed(0)  # the resumed program, without load_checkpoint
    again = dropout(torch.ones(100))
    assert torch.equal(again, first)
    assert not torch.equal(again, second)


def test_random_states_stay_on_the_cpu(tmp_path: Path) -> None:
    """Mapped to another device, here meta, set_rng_state refuses the state; mapped to the CPU it takes it."""
    torch.save({"random": torch.get_rng_state()}, tmp_path / "run.pt")
    moved = torch.load(tmp_path / "run.pt", map_location="meta")["random"]
    assert moved.device.type == "meta"
    with pytest.raises(TypeError, match=r"RNG state must be a torch\.ByteTensor"):
        torch.set_rng_state(moved)
    torch.set_rng_state(torch.load(tmp_path / "run.pt", map_location="cpu")["random"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_loading_keeps_dtypes(dtype: torch.dtype) -> None:
    """A float32 state loaded into a model of another dtype or device: the model's dtype and device stay."""
    saved = nn.Linear(3, 3).state_dict()
    model = nn.Linear(3, 3).to(dtype)
    model.load_state_dict(saved)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert torch.equal(model.weight, saved["weight"].to(dtype))
    there = nn.Linear(3, 3, device="meta")
    with pytest.warns(UserWarning, match="no-op"):
        there.load_state_dict(saved)
    assert {p.device.type for p in there.parameters()} == {"meta"}


def test_whole_models_do_not_load(tmp_path: Path) -> None:
    """torch.load refuses a whole model and NumPy's random state with this text; a state_dict and lists load."""
    model = nn.Linear(3, 3)
    torch.save(model, tmp_path / "model.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "model.pt")
    torch.save(model.state_dict(), tmp_path / "model.pt")
    assert set(torch.load(tmp_path / "model.pt")) == {"weight", "bias"}
    name, keys, *rest = np.random.RandomState(0).get_state()
    torch.save((name, keys, *rest), tmp_path / "numpy.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "numpy.pt")
    torch.save((name, keys.tolist(), *rest), tmp_path / "numpy.pt")
    loaded = np.random.RandomState(1)
    loaded.set_state(torch.load(tmp_path / "numpy.pt"))
    assert loaded.rand() == np.random.RandomState(0).rand()


def test_state_dict_is_no_copy() -> None:
    """A kept state_dict() follows the weights; a deep copy does not."""
    run = build()
    best, copied = run["model"].state_dict(), copy.deepcopy(run["model"].state_dict())
    train(run, 0, 3)
    now = run["model"].state_dict()
    assert all(torch.equal(best[name], now[name]) for name in now)
    assert not torch.equal(copied["0.weight"], now["0.weight"])


def test_loading_brings_the_old_rate() -> None:
    """After loading, the old learning rate is back, in the optimizer and in LambdaLR's base_lrs."""
    old, new = (torch.optim.AdamW([nn.Parameter(torch.zeros(2))], lr=lr) for lr in (1e-2, 1e-4))
    new.load_state_dict(old.state_dict())
    assert new.param_groups[0]["lr"] == 1e-2
    before, after = (torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: 1.0) for o in (old, new))
    after.load_state_dict(before.state_dict())
    new.param_groups[0]["lr"] = 1e-4  # the optimizer's alone does not last
    new.step()
    after.step()
    assert new.param_groups[0]["lr"] == 1e-2
    after.base_lrs = [1e-4]
    after.step()
    assert new.param_groups[0]["lr"] == 1e-4


def at_the_end(evidence: Any, missing: str, key: str) -> Tensor:
    """A number for each seed: the last distance, or another."""
    return torch.tensor([r["distance"][-1] if key == "distance" else r[key] for r in evidence()[missing]])


def test_complete_is_exact(evidence: Any) -> None:
    """The distance to the whole run is 0.0 at each step, for each seed."""
    assert all(set(run["distance"]) == {0.0} for run in evidence()["nothing"])


def test_buffers_are_seen_in_validation_only(evidence: Any) -> None:
    """Without buffers: the test loss rises by over 0.2 for each seed, and no weight differs at any step."""
    assert at_the_end(evidence, "buffers", "rise").min() > 0.2
    assert all(set(run["distance"]) == {0.0} for run in evidence()["buffers"])


def test_other_parts_lead_elsewhere(evidence: Any) -> None:
    """Optimizer, scheduler, random states, place in the data: at the end the weights are over 1% away."""
    others = set(evidence()) - {"nothing", "buffers"}
    assert len(others) == 4
    assert all(at_the_end(evidence, missing, "distance").min() > 0.01 for missing in others)


def test_accuracy_hardly_shows_it(evidence: Any) -> None:
    """Mean over the seeds: within 0.02 of the whole run without the scheduler, within 0.005 without any other part."""
    for missing in evidence():
        change = (at_the_end(evidence, missing, "accuracy") - at_the_end(evidence, missing, "whole")).mean()
        assert abs(change) < (0.02 if missing == "scheduler" else 0.005)
