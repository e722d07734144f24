"""vae-bad-samples: what it looks like, and every cause of it planted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal
from torch.nn import functional

from snippets.checklist.vae_bad_samples import check
from tests.support.planted import Record, Run, causes, program, prove, run

PAGE = "vae-bad-samples"


def shows(run: Run) -> bool:
    """Samples and waves are farther from each other than 0.4 of a wave's distance from the mean wave."""
    return run.last("distance") > 0.4


@causes(PAGE)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_kl_tells_the_kinds_apart() -> None:
    """KL is below 0.01 nats in the three that ignore the code, above 20 in the one with bad codes, 1 to 5 if cured."""
    for cause in ("kl-outweighs-reconstruction", "sample-without-gradient", "decoder-needs-no-code"):
        assert run(program(f"{PAGE}/{cause}", "broken")).last("kl") < 0.01
        assert 1 < run(program(f"{PAGE}/{cause}", "fixed")).last("kl") < 5
    assert run(program(f"{PAGE}/kl-too-weak", "broken")).last("kl") > 20


def changed(cause: str, old: str, new: str) -> Run:
    """A broken program with one expression replaced."""
    text = program(f"{PAGE}/{cause}", "broken").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = Path(tempfile.mkdtemp()) / "changed.py"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return run(path)


def test_free_bits_hold() -> None:
    """Where the decoder needs no code, 2 free nats alone cure; a KL weight that grows over 200 steps does not."""
    old = "(error + divergence(mean, log_variance)).mean()"
    free = changed("decoder-needs-no-code", old, old.replace("e))", "e).clamp(min=2))"))
    grown = changed("decoder-needs-no-code", old, old.replace("+ ", "+ min(1, step / 200) * "))
    assert not shows(free)
    assert free.last("kl") > 1
    assert grown.series("kl")[0] > 0.3
    assert grown.last("kl") < 0.01
    assert shows(grown)


def test_mean_with_kl_divided_cures() -> None:
    """The other cure of the first cause: a mean over values, and KL divided by the number of values of an input."""
    old = "return error + divergence(mean, log_variance).mean()"
    divided = changed("kl-outweighs-reconstruction", old, old + " / inputs[0].numel()")
    assert not shows(divided)
    assert 1 < divided.last("kl") < 5


def test_no_gradient_empties_the_code_with_a_small_weight() -> None:
    """Where the draw passes no gradient, KL ends near 0 also with a weight of 0.00025."""
    old = "(error + divergence(mean, log_variance)).mean()"
    light = changed("sample-without-gradient", old, old.replace("+ ", "+ 0.00025 * "))
    assert light.last("kl") < 0.01
    assert shows(light)


def test_fitted_prior_is_enough() -> None:
    """Codes from a normal distribution with the codes' mean and covariance give good waves without a KL weight."""
    names = run(program(f"{PAGE}/kl-too-weak", "broken")).names
    torch.manual_seed(0)
    with torch.no_grad():
        mean, log_variance = names["encoder"](names["x_train"]).chunk(2, dim=1)
        codes = names["reparameterize"](mean, log_variance)
        fitted = MultivariateNormal(codes.mean(0), codes.mT.cov())
        assert names["distance"](names["decoder"](fitted.sample((200,)))) < 0.4
        assert names["distance"](names["decoder"](torch.randn(200, 8))) > 0.4


def test_skip_connection_empties_the_code() -> None:
    """With a layer from encoder to decoder around the code KL falls below 0.1 nats, without it KL stays above 1."""
    ended = {}
    waves = run(program(f"{PAGE}/kl-too-weak", "fixed")).names["x_train"]
    for skip in (True, False):
        torch.manual_seed(0)
        first, last = nn.Sequential(nn.Linear(32, 64), nn.ReLU()), nn.Linear(64, 16)
        decoder = nn.Sequential(nn.Linear(8 + 64, 64), nn.ReLU(), nn.Linear(64, 32))
        optimizer = torch.optim.Adam([p for m in (first, last, decoder) for p in m.parameters()], lr=5e-3)
        for _ in range(300):
            inputs = waves[torch.randint(len(waves), (64,))]
            features = first(inputs)
            mean, log_variance = last(features).chunk(2, dim=1)
            code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
            outputs = decoder(torch.cat([code, features * skip], dim=1))
            loss = bound(ERRORS["half of the squares"])(outputs, inputs, mean, log_variance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        ended[skip] = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean().item()
        assert bool(check.code_without_content(outputs, inputs, mean, log_variance)) is skip
    assert ended[True] < 0.1
    assert ended[False] > 1


def test_normal_passes_zeros() -> None:
    """torch.normal with tensors says that it requires a gradient and passes zeros back; Normal.sample passes none."""
    mean, deviation = torch.ones(4, requires_grad=True), torch.ones(4, requires_grad=True)
    drawn = torch.normal(mean, deviation)
    assert drawn.requires_grad
    drawn.square().sum().backward()
    for leaf in (mean, deviation):
        assert leaf.grad is not None
        assert not leaf.grad.any()
    assert not Normal(mean, deviation).sample().requires_grad
    assert Normal(mean, deviation).rsample().requires_grad


def bound(error: Callable[[Tensor, Tensor], Tensor], weight: float = 1) -> Callable[..., Tensor]:
    """A loss of the form that checks take."""
    return lambda outputs, inputs, mean, log_variance: (
        error(outputs, inputs)
        + weight * 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).flatten(1).sum(1).mean()
    )


ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squares": lambda o, x: (o - x).square().flatten(1).sum(1).mean(),
    "half of the squares": lambda o, x: 0.5 * (o - x).square().flatten(1).sum(1).mean(),
    "absolute values": lambda o, x: (o - x).abs().flatten(1).sum(1).mean(),
    "cross-entropy": lambda o, x: functional.binary_cross_entropy(o, x, reduction="sum") / len(o),
    "cross-entropy on logits": lambda o, x: functional.binary_cross_entropy_with_logits(o, x, reduction="sum") / len(o),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("shape", [(32, 784), (8, 3, 16, 16)], ids=str)
def test_weight_is_found_within_a_factor(name: str, shape: tuple[int, ...]) -> None:
    """The answer is right within 2.5 for the usual errors, whatever the shapes of image and code; 1 is silent."""
    images = torch.rand(shape)
    for code in (torch.randn(shape[0], 20), torch.randn(shape[0], 4, 4, 4)):
        assert not check.kl_weighs_too_much(bound(ERRORS[name]), images, images, code, code)
        says = check.kl_weighs_too_much(bound(ERRORS[name], 500), images, images, code, code)
        assert 500 / 2.5 < float(says.split(" times")[0].split()[-1]) < 500 * 2.5


def test_means_with_a_small_weight_are_silent() -> None:
    """A mean over pixels with a KL term whose weight makes up for it is no fault; the mean with weight 1 is."""
    images, code = torch.rand(16, 3, 64, 64), torch.randn(16, 128)
    assert not check.kl_weighs_too_much(bound(functional.mse_loss, 0.00025), images, images, code, code)
    assert "KL weighs" in check.kl_weighs_too_much(bound(functional.mse_loss), images, images, code, code)


def test_flattened_outputs_are_asked_too() -> None:
    """Images that the loss flattens, as in torch's own example of a VAE: a mean is found, a sum is silent."""
    images, outputs, code = torch.rand(16, 1, 28, 28), torch.rand(16, 784), torch.randn(16, 20)
    for error, ill in ((functional.binary_cross_entropy, True), (ERRORS["cross-entropy"], False)):
        loss_fn = bound(lambda o, x, error=error: error(o, x.view(-1, 784)))  # type: ignore[misc]
        assert bool(check.kl_weighs_too_much(loss_fn, outputs, images, code, code)) is ill


def test_sum_over_the_batch_is_found() -> None:
    """KL as a sum over a batch of 64, beside an error that is averaged over it."""
    images, code = torch.rand(64, 784), torch.randn(64, 20)
    assert "KL weighs" in check.kl_weighs_too_much(bound(ERRORS["squares"], 64), images, images, code, code)


def test_gradient_through_other_samplers() -> None:
    """rsample, a detached noise, eval's mean and centered codes are silent; sample and a detached mean are found."""
    mean, log_variance = torch.randn(64, 8), torch.randn(64, 8)
    healthy = [
        lambda m, v: Normal(m, (v / 2).exp()).rsample(),
        lambda m, v: m + ((v / 2).exp() * torch.randn_like(m)).detach(),
        lambda m, v: m,
        lambda m, v: m - m.mean(1, keepdim=True) + (v / 2).exp() * torch.randn_like(m),
    ]
    ill = [
        lambda m, v: Normal(m, (v / 2).exp()).sample(),
        lambda m, v: m.detach() + (v / 2).exp() * torch.randn_like(m),
    ]
    for sampler in healthy:
        assert not check.sample_without_gradient(sampler, mean, log_variance)
    for sampler in ill:
        assert "gradient" in check.sample_without_gradient(sampler, mean, log_variance)


def test_decoder_of_tokens_that_needs_no_code() -> None:
    """With logits of tokens: found where they are good and the code is empty; silent where the code holds much."""
    tokens = torch.randint(50, (32, 12), generator=torch.Generator().manual_seed(0))
    logits, empty = 4.0 * functional.one_hot(tokens, 50), torch.zeros(32, 8)
    assert "nats" in check.code_without_content(logits, tokens, empty, empty)
    assert not check.code_without_content(logits, tokens, empty + 1, empty)
    assert not check.code_without_content(0 * logits, tokens, empty, empty)


def test_positions_that_are_alike_are_no_content() -> None:
    """Tokens that all begin and end alike: a decoder that knows only this is silent, one that knows the rest is not."""
    torch.manual_seed(0)
    tokens, empty = torch.randint(1, 50, (32, 20)), torch.zeros(32, 8)
    tokens[:, 0], tokens[:, 6:] = 1, 0
    known = 9.0 * functional.one_hot(tokens, 50)
    constant = known.clone()
    constant[:, 1:6] = 0
    assert not check.code_without_content(constant, tokens, empty, empty)
    assert "nats" in check.code_without_content(known, tokens, empty, empty)


def test_rare_samples_hold_the_nats() -> None:
    """One wave in a hundred is large: telling which costs 0.05 nats for each sample, and is no fault."""
    torch.manual_seed(0)
    large = (torch.arange(200) % 100 == 0).float()[:, None]
    inputs, mean = large * 10 + 0.1 * torch.randn(200, 32), 3.2 * large.expand(-1, 2)
    outputs, log_variance = (large * 10).expand(-1, 32), torch.zeros(200, 2)
    assert 0.05 < 0.5 * (mean**2).sum(1).mean() < 0.11
    mean = mean * 0.9
    assert not check.code_without_content(outputs, inputs, mean, log_variance)
    assert "nats" in check.code_without_content(outputs, inputs, 0 * mean, log_variance)
    flat = (outputs.reshape(200, 32, 1), inputs)  # a last axis more is no other image
    assert "nats" in check.code_without_content(*flat, 0 * mean, log_variance)


def test_codes_of_other_shapes() -> None:
    """Feature maps of N(0, 1) and a few dimensions off are silent; codes too narrow or beside the middle are found."""
    torch.manual_seed(0)
    mean, log_variance = 0.8 * torch.randn(64, 4, 8, 8), torch.full((64, 4, 8, 8), -1.0)
    assert not check.codes_off_the_prior(mean, log_variance)
    assert not check.codes_off_the_prior(mean[:8] + 5, log_variance[:8])  # too few to tell
    assert "N(0, 1)" in check.codes_off_the_prior(0.1 * mean, log_variance - 6)
    assert "mean 2" in check.codes_off_the_prior(mean.sign() * 0.8 + 2, log_variance)


def test_patched_code_pushes_away() -> None:
    """No gradient for the book; a step along the book's loss makes the distance larger, and smaller if patched last."""
    torch.manual_seed(0)
    for _ in range(20):
        book, h = torch.randn(16, 4, requires_grad=True), torch.randn(30, 4, requires_grad=True)
        code = book[torch.cdist(h, book).argmin(dim=1)]
        patched = h + (code - h).detach()
        loss = functional.mse_loss(patched, h.detach())
        of_h, of_book = torch.autograd.grad(loss, [h, book], allow_unused=True)
        assert of_book is None
        assert (h - of_h - code).norm() > (h - code).norm()
        (of_book,) = torch.autograd.grad(functional.mse_loss(code, h.detach()), [book])
        assert (h - (book - of_book)[torch.cdist(h, book).argmin(dim=1)]).norm() < (h - code).norm()


def test_gradients_of_what_the_optimizer_holds() -> None:
    """Found where one of several has none, or zeros; silent before any backward pass, and for frozen ones."""
    a, b, c = (nn.Parameter(torch.ones(2, n)) for n in (1, 2, 3))
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b, c]}], lr=0.1)
    assert check.tensors_without_gradient(optimizer) is None
    (a.sum() + b.sum()).backward()
    assert "1 of 3" in check.tensors_without_gradient(optimizer)
    assert "(2, 3)" in check.tensors_without_gradient(optimizer)
    c.grad = torch.zeros(2, 3)
    assert "(2, 3)" in check.tensors_without_gradient(optimizer)
    c.requires_grad = False
    assert check.tensors_without_gradient(optimizer) is None
