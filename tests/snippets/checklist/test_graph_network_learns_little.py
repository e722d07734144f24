"""graph-network-learns-little: what it looks like, and every cause of it planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snippets.checklist.graph_network_learns_little import check
from tests.support.planted import Record, Run, causes, prove

ROOM = Path(check.__file__).parent


def shows(run: Run) -> bool:
    """Of the nodes whose labels it has not seen, the network reads less than three in four."""
    return run.last("accuracy") < 0.75


@causes("graph-network-learns-little")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def both_ways(pairs: Tensor) -> Tensor:
    """Links and their way back, each once."""
    return torch.cat([pairs, pairs.flip(0)], dim=1).unique(dim=1)


def blocks(n: int = 300, classes: int = 3, seed: int = 0, alike: float = 0.8) -> tuple[Tensor, Tensor]:
    """Labels, and links of which a share joins nodes of one class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    source = torch.arange(n).repeat_interleave(4)
    same = torch.randint(n // classes, source.shape, generator=generator) * classes + y[source]
    target = torch.where(torch.rand(source.shape, generator=generator) < alike, same, (same + 1) % n)
    return y, both_ways(torch.stack([source, target]))


def test_links_at_random_are_told_from_links_that_say_something() -> None:
    """Of alike and of opposite nodes nothing is said, nor of few links, unknown labels and numbers to fit."""
    for seed in range(3):
        for alike in (0.0, 0.5, 1.0):  # 0: each link joins two classes
            y, links = blocks(seed=seed, alike=alike)
            assert not check.links_at_random(links, y)
            mixed = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
            assert "chance alone would make it 33%" in check.links_at_random(links, mixed)
            assert not check.links_at_random(links, mixed.float())
            assert not check.links_at_random(links[:, :90], mixed)
            assert not check.links_at_random(links, torch.full_like(y, -1))
            hidden = torch.where(torch.arange(len(y)) < 200, mixed, -1)
            assert "links join" in check.links_at_random(links, hidden)


def test_reshape_makes_other_links() -> None:
    """A list of links by rows, reshaped instead of transposed: hardly a link of before is among them."""
    for seed in range(3):
        _, links = blocks(seed=seed)
        rows = links.t().contiguous()
        assert torch.equal(rows.t(), links)
        before = set(map(tuple, rows.tolist()))
        after = list(map(tuple, rows.reshape(2, -1).t().tolist()))
        assert sum(pair in before for pair in after) < 0.05 * len(after)


def test_missing_ways_back_are_counted() -> None:
    """Links both ways are passed, also with loops and doubles, and where one in four lacks its way back."""
    _, links = blocks()
    loops = torch.arange(300).repeat(2, 1)
    for sound in (links, torch.cat([links, loops, links], dim=1), loops, links[:, :0]):
        assert not check.links_without_return(sound)
    one_way = links[:, links[0] < links[1]]
    assert "100% of" in check.links_without_return(one_way)
    some = torch.cat([links, one_way + 300], dim=1)
    assert not check.links_without_return(some)
    star = torch.stack([torch.arange(1, 50), torch.zeros(49, dtype=torch.long)])
    assert "49 of 50 nodes hear of no other" in check.links_without_return(star)


class Mean(nn.Module):
    """The mean over neighbours, times a weight; of the node itself another."""

    def __init__(self, own: float, layers: int = 1) -> None:
        super().__init__()
        self.own, self.layers = own, layers
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.5)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.drop(self.norm(x)) + 0 * torch.rand(())
        source, target = edge_index
        count = torch.bincount(target, minlength=len(x)).clamp(min=1)[:, None]
        for _ in range(self.layers):
            x = torch.zeros_like(x).index_add(0, target, x[source]) / count + self.own * x
        return x


def test_a_node_left_out_is_told_from_one_that_is_heard() -> None:
    """A weight of its own or a loop is enough; mode, statistics and random numbers stay."""
    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    _, links = blocks()
    links = links[:, links[0] != links[1]]
    loops = torch.cat([links, torch.arange(300).repeat(2, 1)], dim=1)
    for model in (Mean(0.0).train(), Mean(0.0, layers=3).train()):
        state, mean = torch.get_rng_state(), model.norm.running_mean.clone()
        assert "300 nodes of other features" in check.node_left_out(model, x, links)
        assert not check.node_left_out(model, x, loops)
        assert not check.node_left_out(model, x[:1].expand(300, 4), links)
        assert model.training
        assert torch.equal(state, torch.get_rng_state())
        assert torch.equal(mean, model.norm.running_mean)
    assert not check.node_left_out(Mean(0.5), x, links)
    assert "250 nodes" in check.node_left_out(Mean(0.0), x, torch.cat([links, torch.arange(50).repeat(2, 1)], dim=1))


def test_far_nodes_are_found_by_the_gradient() -> None:
    """Two layers hear nobody far away; of twelve layers a weight of the node itself keeps the near ones heard."""
    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    _, links = blocks()
    for own in (0.0, 1.0):
        assert not check.far_nodes_decide(Mean(own, layers=2).train(), x, links)
    deep = Mean(0.0, layers=12).train()
    assert "nodes more than two links away" in check.far_nodes_decide(deep, x, links)
    assert deep.training
    assert all(parameter.grad is None for parameter in deep.parameters())
    assert not check.far_nodes_decide(Mean(20.0, layers=12), x, links)
    assert not check.far_nodes_decide(Mean(0.0), x * 0, links[:, :0])


def run(name: str, seed: int, old: str = "", new: str = "") -> dict[str, Any]:
    """The variables of a program of the page with another seed, and with one passage replaced."""
    code = (ROOM / f"{name}.py").read_text(encoding="utf-8")
    assert old in code
    names: dict[str, Any] = {}
    exec(compile(code.replace("manual_seed(0)", f"manual_seed({seed})").replace(old, new), name, "exec"), names)
    return names


def test_a_weight_of_its_own_beats_a_self_link() -> None:
    """In the run of the page with other seeds, a link from each node to itself leaves it behind the cure."""
    loops = "edge_index = torch.cat([edge_index, torch.arange(600).repeat(2, 1)], dim=1)"
    for seed in range(3):
        broken = run("broken_node_left_out", seed)["accuracy"]
        linked = run("broken_node_left_out", seed, "\nmodel = ", f"\n{loops}\nmodel = ")["accuracy"]
        cured = run("fixed_node_left_out", seed)["accuracy"]
        assert broken < linked < cured - 0.03


def test_alike_neighbours_stand_in() -> None:
    """Without loops, the cure of the first cause has nine tenths of its accuracy, with other seeds too."""
    name = "fixed_edges_of_other_nodes"
    no_loops = "edge_index = edge_index[:, edge_index[0] != edge_index[1]]"
    for seed in range(4):
        without = run(name, seed, "\nmodel = ", f"\n{no_loops}\nmodel = ")
        assert check.node_left_out(without["model"], without["x"], without["edge_index"])
        assert without["accuracy"] > 0.9 * run(name, seed)["accuracy"]


def test_accuracy_of_a_plain_network_stands_between() -> None:
    """Without links, the same layers read more than the broken run of other nodes, and less than its cure."""
    no_links = "edge_index = torch.arange(600).repeat(2, 1)"  # each node hears of itself alone
    for seed in range(4):
        broken, cured = (run(f"{role}_edges_of_other_nodes", seed)["accuracy"] for role in ("broken", "fixed"))
        plain = run("fixed_edges_of_other_nodes", seed, "\nmodel = ", f"\n{no_links}\nmodel = ")["accuracy"]
        assert broken + 0.02 < plain < cured - 0.3
