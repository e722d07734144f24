"""good-offline-bad-production: what it looks like, and every cause of it planted."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from snippets.checklist.good_offline_bad_production import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The accuracy in production is at least 15 points below that on the validation set."""
    return run.last("val accuracy") - run.last("live accuracy") > 0.15


@causes("good-offline-bad-production")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_gaps_tokens_and_columns_of_small_scale_are_compared() -> None:
    """NaN in the place of a number, another token, a column of small scale; the same gaps on both sides are sound."""
    table = torch.randn(50, 3) * torch.tensor([1000.0, 1.0, 1.0])
    tokens = torch.randint(30000, (4, 9))
    gaps, shifted, other = table.clone(), table.clone(), tokens.clone()
    gaps[3, 1] = torch.nan
    shifted[:, 2] += 0.5
    other[0, 0] += 1

    def differ(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
        return bool(check.prepared_differently(lambda x: x, lambda x: x, ours, theirs))

    assert differ(table, gaps)
    assert differ(table, shifted)
    assert differ(tokens, other)
    assert not differ(gaps, gaps)
    assert not differ(tokens, tokens)
    assert not differ(table, table * (1 + 1e-7))


def test_a_few_requests_and_half_precision() -> None:
    """Statistics of eight requests are seen; the rounding of bfloat16 is no chance."""
    torch.manual_seed(0)
    served = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    assert check.served_network_is_random(served, torch.randn(8, 4))
    assert not check.served_network_is_random(served.eval(), torch.randn(8, 4))

    class Rounding(nn.Module):
        """Its last digit depends on the size of the batch, as with kernels that add in another order."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            outputs = torch.ones(len(x), 100, dtype=torch.bfloat16)
            outputs[:, 0] = 100 if len(x) > 8 else 100.5
            return outputs

    assert not check.served_network_is_random(Rounding(), torch.zeros(64, 4))


def test_ten_answers_of_chance_are_no_other_names() -> None:
    """One sample of each class always finds a name; with many samples of swapped classes the names hold."""
    served, labels = nn.Identity(), torch.arange(10)
    assert not check.classes_renamed(served, torch.eye(10)[labels.roll(1)], labels)
    assert not check.classes_renamed(served, torch.rand(8, 1), torch.rand(8))
    assert not check.classes_renamed(served, torch.rand(8, 5, 3), torch.zeros(8, 5, dtype=torch.long))
    labels = torch.randint(10, (200,))
    assert check.classes_renamed(served, torch.eye(10)[(labels + 1) % 10], labels)


def test_a_shift_in_a_column_of_small_scale_tells_live_data() -> None:
    """As does no column of the same distribution, with gaps in both."""
    torch.manual_seed(0)
    x_val, x_live = torch.randn(200, 5), torch.randn(200, 5)
    x_val[0, 0] = torch.nan
    assert not check.live_data_can_be_told_apart(x_val, x_live)
    for x in (x_val, x_live):
        x[:, 1] *= 1e-3
    x_live[:, 1] += 3e-3
    assert check.live_data_can_be_told_apart(x_val, x_live)


@pytest.mark.parametrize(("bits", "counts"), [(16, False), (8, False), (4, True)])
def test_rounding_that_counts(bits: int, counts: bool) -> None:
    """bfloat16, and whole numbers with a scale for each row; of weights as torch draws them, and of normal ones."""
    for draw in (nn.init.kaiming_uniform_, nn.init.normal_):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        served = copy.deepcopy(model)
        for ours, theirs in zip(model, served, strict=True):
            if isinstance(ours, nn.Linear) and isinstance(theirs, nn.Linear):
                draw(ours.weight)
                largest = 2 ** (bits - 1) - 1
                scale = ours.weight.detach().abs().amax(dim=1, keepdim=True) / largest
                rounded = (ours.weight / scale).round() * scale if bits < 16 else ours.weight.bfloat16().float()
                theirs.weight.data.copy_(rounded)
        assert bool(check.served_weights_differ(model, served)) == counts


def test_prune_masks_in_each_pass() -> None:
    """Whatever an optimizer makes of the weights beneath, those of the mask are 0 in the next pass."""
    torch.manual_seed(0)
    layer = prune.l1_unstructured(nn.Linear(8, 8), "weight", amount=0.5)
    mask = layer.weight_mask.clone()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        layer(torch.randn(4, 8)).square().sum().backward()
        optimizer.step()
        layer.weight_orig.data += 1.0  # as by decay, or by a step without the mask
        layer(torch.randn(4, 8))
        assert ((layer.weight == 0) == (mask == 0)).all()


def test_weights_of_the_same_file_under_other_names_are_alike() -> None:
    """A wrapper, a compiled network, a copy; a file of another epoch is named; other shapes are not compared."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    for served in (model, copy.deepcopy(model), nn.DataParallel(model), torch.compile(model, backend="eager")):
        assert not check.served_weights_differ(model, served)
    later = copy.deepcopy(model)
    later[2].weight.data.mul_(1.1)
    assert "2.weight by 10%" in check.served_weights_differ(model, later)
    later[2].weight.data.mul_(torch.nan)
    assert check.served_weights_differ(model, later)
    assert not check.served_weights_differ(model, nn.Sequential(nn.Linear(5, 16)))


def test_an_exported_graph_keeps_its_mode() -> None:
    """Dropout in a graph that was exported in training mode drops."""
    for training in (True, False):
        net = nn.Sequential(nn.Dropout(0.5)).train(training)
        exported = torch.export.export(net, (torch.ones(1, 100),)).module()
        assert bool((exported(torch.ones(1, 100)) == 0).any()) == training


class Trimmed(nn.Module):
    """Adds up what stands before the first 0, row by row; ``how`` says how Python decides."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Four ways that depend on the values of the batch, and one that does not."""
        lengths = (x != 0).sum(dim=1)
        if self.how == "loop":
            return torch.stack([x[i, : int(n)].sum() for i, n in enumerate(lengths)])
        if self.how == "longest":
            return x[:, : int(lengths.max())].square().sum(dim=1)
        if self.how == "branch":
            return x.sum(dim=1) if lengths.sum() < 3 * len(x) else x.square().sum(dim=1)
        if self.how == "item":
            return x.sum(dim=1) * lengths.float().mean().item()
        return torch.where(torch.arange(x.shape[1]) < lengths[:, None], x, 0).sum(dim=1)


def rows(*lengths: int) -> torch.Tensor:
    """Random rows of 8, 0 after so many numbers."""
    return (1 + torch.rand(len(lengths), 8)) * (torch.arange(8) < torch.tensor(lengths)[:, None])


@pytest.mark.parametrize("how", ["loop", "longest", "branch", "item", "mask"])
def test_values_that_a_trace_freezes(how: str) -> None:
    """Found in a loop, a slice, a branch, a number; a mask of tensors, the model itself and chance are sound."""
    torch.manual_seed(0)
    x_val, x_live = rows(1, 2, 3, 2), rows(8, 7, 6, 7)
    model = Trimmed(how)
    with warnings.catch_warnings(action="ignore"):
        served = torch.jit.trace(model, x_val)
    found = check.frozen_at_export(model, served, x_val, x_live)
    assert bool(found) == (how != "mask")
    assert not check.frozen_at_export(model, model, x_val, x_live)
    assert not check.frozen_at_export(nn.Identity(), nn.Dropout(0.5), x_val, x_live)


def test_export_refuses() -> None:
    """A loop over lengths, a slice, a branch; the mask of tensors is exported and right on other rows."""
    x_val, x_live = rows(1, 2, 3, 2), rows(8, 7, 6, 7)
    for how in ("loop", "longest", "branch"):
        with pytest.raises(Exception, match="data-dependent"):
            torch.export.export(Trimmed(how), (x_val,))
    exported = torch.export.export(Trimmed("mask"), (x_val,)).module()
    assert not check.frozen_at_export(Trimmed("mask"), exported, x_val, x_live)


def test_layers_are_followed_by_name() -> None:
    """Named: the first layer with other weights, also of a wrapper and of a GRU. Silent: mode, 8 bits, other shapes."""
    torch.manual_seed(0)
    x = torch.randn(80, 6)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 2))
    served = copy.deepcopy(model).train()
    assert not check.first_layer_that_differs(model, served, x)
    for layer in (served[0], served[3]):
        scale = layer.weight.detach().abs().max() / 127
        layer.weight.data = (layer.weight / scale).round() * scale
    assert not check.first_layer_that_differs(model, served, x)
    served[3].weight.data *= 1.1
    for one in (served, nn.DataParallel(served)):
        assert "is 3, by" in check.first_layer_that_differs(model, one, x)
    served[0].weight.data *= torch.nan
    assert "is 0, by nan%" in check.first_layer_that_differs(model, served, x)
    assert not check.first_layer_that_differs(model, nn.Sequential(nn.Linear(6, 9), nn.Linear(9, 2)), x)
    merged = copy.deepcopy(model)
    merged[0].weight.data, merged[3].weight.data = 2 * merged[0].weight.data, merged[3].weight.data / 2
    merged[0].bias.data *= 2
    assert not check.first_layer_that_differs(model, merged, x)
    recurrent = nn.Sequential(nn.GRU(6, 4))
    other = copy.deepcopy(recurrent)
    other[0].weight_hh_l0.data *= 3
    assert "is 0, by" in check.first_layer_that_differs(recurrent, other, torch.randn(9, 5, 6))


def test_string_is_no_tuple() -> None:
    """In the planted program both names are strings, no letter is an entry, and the round trip does not return."""
    for role in ("broken", "fixed"):
        names = run(program("good-offline-bad-production/undone-but-never-done", role)).names
        assert list(names["scale_move"].names) == (list("move") if role == "broken" else ["move"])
        assert list(names["scale_state"].names) == (list("state") if role == "broken" else ["state"])
        there = names["prepare"](names["raw"])
        back = names["scale_back"]({"move": there["move"]})["move"]
        assert torch.equal(there["move"], names["raw"]["move"]) == (role == "broken")
        assert torch.allclose(back, names["raw"]["move"], atol=1e-5) == (role == "fixed")


def test_preparations_that_do_nothing() -> None:
    """Of tensors, lists and dictionaries; one entry that must change; names and texts beside them; in place."""
    x, y = torch.randn(4, 3), torch.randn(4)
    raw, before = {"x": x, "y": y, "name": ["a"] * 4}, x.clone()

    def x_only(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        batch["x"].mul_(2)
        return batch

    assert check.left_as_it_was(lambda batch: batch, raw) == "the preparation leaves x, y exactly as it was"
    assert not check.left_as_it_was(x_only, raw)
    assert "leaves y exactly" in check.left_as_it_was(x_only, raw, entries=["x", "y"])
    assert not check.left_as_it_was(x_only, raw, entries=["x"])
    assert torch.equal(x, before)
    for one in (x, [x, y], (x,)):
        assert check.left_as_it_was(lambda batch: batch, one)
    assert not check.left_as_it_was(lambda batch: batch / 2, x)
    assert not check.left_as_it_was(lambda batch: [batch[0] + 1, batch[1]], [x, y])
    assert not check.left_as_it_was(lambda batch: batch["x"].sum(), raw)


def test_silence_in_two_logarithms() -> None:
    """The smallest values of two usual spectrograms; the check finds the difference in one that holds silence."""
    silence = torch.zeros(1)
    assert round(torch.log(silence + 1e-9).item(), 1) == -20.7
    assert round(torch.log(silence.clamp(min=1e-5)).item(), 1) == -11.5
    torch.manual_seed(0)
    power = torch.rand(4, 80, 50) * (torch.arange(50) > 10)
    said = check.prepared_differently(lambda x: (x + 1e-9).log(), lambda x: x.clamp(min=1e-5).log(), power, power)
    assert "9.2" in said
    assert check.prepared_differently(torch.log1p, torch.log1p, power, power) is None


def test_observer_goes_on() -> None:
    """After disable_fake_quant() of torch nothing is rounded, and the scale still follows the numbers that pass."""
    quantizer = torch.ao.quantization.FakeQuantize(
        observer=torch.ao.quantization.MovingAverageMinMaxObserver, quant_min=0, quant_max=255
    )
    x = torch.linspace(-1, 1, 50)
    assert not torch.equal(quantizer(x), x)
    before = quantizer.scale.clone()
    quantizer.disable_fake_quant()
    for _ in range(50):
        assert torch.equal(quantizer(10 * x), 10 * x)
    assert quantizer.scale > 2 * before
