"""policy-does-not-learn: what it looks like, and every cause of it planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from snippets.checklist.policy_does_not_learn import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """In the end less than 40% of the episodes reach the best end; where all is well, more than 80% do."""
    return sum(run.series("success")[-3:]) / 3 < 0.4


@causes("policy-does-not-learn")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_the_near_end_is_worth_more_again_and_again() -> None:
    """From cell 2 of 10: 0.3 in two steps or 1 in seven; once, the far end is worth more, for ever the near one."""
    gamma = 0.95
    near, far = 0.3 * gamma, gamma**6
    assert far > 2 * near
    assert near / (1 - gamma**2) > 1.1 * far / (1 - gamma**7)


def test_values_under_a_limit() -> None:
    """A reward of 1 a step, gamma 0.99: cut after 200 steps, a value that all steps share settles at 67, not at 100.

    With a reward of -1 at -67, not at -100.
    """
    gamma, rewards = 0.99, torch.ones(200, dtype=torch.float64)
    truncated = torch.arange(200) == 199
    for sign in (1, -1):
        for cut, settled in ((truncated, 67), (torch.zeros(200, dtype=torch.bool), 100)):
            value = torch.zeros((), dtype=torch.float64)
            for _ in range(2000):
                value = (sign * rewards + gamma * value * ~cut).mean()
            assert round(value.item()) == sign * settled


def test_another_action_teaches_nothing_on_average() -> None:
    """The log-probability of an action drawn from the policy has a gradient of zero on average."""
    logits = torch.randn(5, dtype=torch.float64, requires_grad=True)
    dist = Categorical(logits=logits)
    mean = sum(
        dist.probs[k].detach() * torch.autograd.grad(dist.log_prob(torch.tensor(k)), logits, retain_graph=True)[0]
        for k in range(5)
    )
    assert torch.as_tensor(mean).abs().max() < 1e-12


def test_the_actor_loss_raises_the_value() -> None:
    """Its gradient by a value is the log-probability, negative for discrete actions: a step raises the value."""
    value = torch.zeros(6, requires_grad=True)
    log_probs = torch.randn(6, 4).log_softmax(dim=1)[:, 0]
    (-(log_probs * (torch.rand(6) - value)).sum()).backward()
    assert value.grad is not None
    assert torch.allclose(value.grad, log_probs)
    assert (value.grad < 0).all()


def test_with_large_rewards_it_learns(tmp_path: Path) -> None:
    """With rewards of 1 instead of 0.1, the program whose advantage carries a gradient learns all the same."""
    text = program("policy-does-not-learn/advantage-carries-gradient", "broken").read_text(encoding="utf-8")
    assert "0.1 * arrived" in text
    path = tmp_path / "broken.py"
    path.write_text(text.replace("0.1 * arrived", "1.0 * arrived"), encoding="utf-8")
    assert run(path).last("success") > 0.8


def test_ends_of_other_kinds() -> None:
    """Returns that run over an end are found; right returns, normalized ones and other shapes pass."""
    rewards, done = torch.ones(8), torch.tensor([0, 0, 1, 0, 0, 0, 0, 1]).bool()
    right = torch.tensor([3.0, 2, 1, 5, 4, 3, 2, 1])
    assert not check.values_beyond_the_end(right, rewards, done)
    assert not check.values_beyond_the_end(right, rewards, done.float())
    assert not check.values_beyond_the_end((right - right.mean()) / right.std(), rewards, done)
    assert not check.values_beyond_the_end((right - right.mean()) / right.std(correction=0), rewards, done)
    assert not check.values_beyond_the_end(right - right.mean(), rewards, done)
    started = done.roll(1)  # the flag of the step before, as some buffers keep it
    assert "`done` marks the step after the end" in str(check.values_beyond_the_end(right, rewards, started))
    assert not check.values_beyond_the_end(right[:, None], rewards, done)
    assert not check.values_beyond_the_end(right, rewards, torch.zeros(8, dtype=torch.bool))
    assert check.values_beyond_the_end(torch.arange(8, 0, -1).float(), rewards, done)


def test_log_probs_of_other_kinds_of_policy() -> None:
    """Continuous actions, log-probabilities summed or not; actions that are executed but not those that were drawn."""
    dist = Normal(torch.zeros(32, 3), torch.ones(32, 3))
    actions = dist.sample()
    log_probs = dist.log_prob(actions)
    assert not check.log_probs_of_other_actions(dist, actions, log_probs)
    assert not check.log_probs_of_other_actions(dist, actions, log_probs.sum(dim=1))
    assert not check.log_probs_of_other_actions(Independent(dist, 1), actions, log_probs.sum(dim=1))
    assert check.log_probs_of_other_actions(dist, dist.mean, log_probs)
    spoiled = log_probs.clone()
    spoiled[0, 0] -= 1
    assert "1 of 96" in str(check.log_probs_of_other_actions(dist, actions, spoiled))
    policy = Categorical(logits=torch.randn(64, 4))
    drawn = policy.sample()
    assert not check.log_probs_of_other_actions(policy, drawn[:, None], policy.log_prob(drawn))
    assert check.log_probs_of_other_actions(policy, policy.probs.argmax(dim=1), policy.log_prob(drawn))


def test_targets_of_q_learning_carry_a_gradient() -> None:
    """A target computed without no_grad is found; class numbers, and targets that were detached, are not."""
    model = nn.Linear(4, 2)
    targets = torch.ones(8) + 0.9 * model(torch.randn(8, 4)).amax(dim=1)
    assert check.constants_with_a_gradient(targets=targets)
    assert not check.constants_with_a_gradient(targets=targets.detach(), advantages=torch.randn(8))
    assert not check.constants_with_a_gradient(targets=torch.arange(8))
    assert not check.constants_with_a_gradient(targets=np.ones(8), advantages=[1.0, 2.0])
    assert "unless it takes `.detach()`" in str(check.constants_with_a_gradient(advantages=targets))
    assert not check.constants_with_a_gradient()


@pytest.mark.parametrize("seed", range(3))
def test_exploration_of_other_kinds(seed: int) -> None:
    """Greedy Q-learning is found; epsilon 0.1, a certain policy, a small batch and drawn actions are not."""
    torch.manual_seed(seed)
    outputs = torch.randn(512, 4)
    greedy = outputs.argmax(dim=1)
    drawn = torch.where(torch.rand(512) < 0.1, torch.randint(4, (512,)), greedy)
    assert check.never_explored(greedy, outputs)
    assert check.never_explored(greedy[:, None], outputs)
    assert not check.never_explored(drawn[:, None], outputs)
    assert not check.never_explored(drawn, outputs)
    assert not check.never_explored(greedy[:64], outputs[:64])
    assert not check.never_explored(torch.randn(512, 4), outputs)
    certain = Categorical(logits=20 * outputs.sort(dim=1)[0].diff(dim=1).amax() * torch.eye(4).repeat(128, 1))
    assert not check.never_explored(certain.sample(), dist=certain)
    continuous = Normal(outputs, torch.ones_like(outputs))
    assert check.never_explored(continuous.mean, dist=continuous)
    assert not check.never_explored(continuous.sample(), dist=continuous)
    open_policy = Categorical(logits=outputs)
    assert check.never_explored(greedy, dist=open_policy)
    assert not check.never_explored(open_policy.sample(), dist=open_policy)


@pytest.mark.parametrize("shape", [(96,), (96, 1), (12, 8)], ids=str)
def test_limits_of_other_kinds(shape: tuple[int, ...]) -> None:
    """A limit taken for the end is found, in batches and rollouts; a value added there, or at true ends too, is not."""
    torch.manual_seed(0)
    rewards, values = torch.rand(shape), 5 + torch.rand(shape)
    place = torch.arange(96).reshape(shape)
    terminated, truncated = place % 17 == 3, place % 12 == 11
    done = terminated | truncated
    for flags in (bool, float):
        ends, cuts = (done, truncated) if flags is bool else (done.float(), truncated.float())
        ill = rewards + 0.9 * values * ~done
        right = rewards + 0.9 * values * ~terminated
        assert f"at the {int(truncated.sum())} steps" in str(check.time_limit_as_end(ill, rewards, ends, cuts))
        assert not check.time_limit_as_end(right, rewards, ends, cuts)
        assert not check.time_limit_as_end(rewards + 0.9 * values, rewards, ends, cuts)  # no end is heeded
        assert not check.time_limit_as_end(ill, rewards, ends, torch.zeros_like(cuts))
        assert not check.time_limit_as_end(ill, rewards, ends)
        assert not check.time_limit_as_end(ill - ill.mean(), rewards, ends, cuts)
        assert not check.time_limit_as_end(rewards, rewards, ends, cuts)  # gamma 0, or values that are still 0
        assert check.values_beyond_the_end(right, rewards, ends)
        assert not check.values_beyond_the_end(ill, rewards, ends)
