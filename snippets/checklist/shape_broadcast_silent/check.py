"""Where shapes were stretched to fit: call these with one batch after the loss was computed."""

import torch


def pair_of_other_shapes(outputs, targets):
    """Ask whether outputs and targets hold as many numbers in different shapes."""
    if outputs.shape != targets.shape and outputs.numel() == targets.numel() > 1:
        both = list(torch.broadcast_shapes(outputs.shape, targets.shape))
        return f"outputs are {list(outputs.shape)}, targets are {list(targets.shape)}: their difference is {both}"


def loss_that_ignores_the_order(loss_fn, outputs, targets):
    """Ask whether the loss stays the same when each output is compared with another sample's target."""
    generator = torch.Generator().manual_seed(0)
    made_up = torch.rand(outputs.shape, generator=generator).to(
        outputs
    )  # valid as probabilities and as logits
    if len(targets) < 3 or bool((targets == targets[0]).all()):
        return None
    with torch.no_grad():
        losses = [
            loss_fn(made_up, targets.roll(shift, dims=0)).item() for shift in range(3)
        ]
    if max(losses) - min(losses) < 1e-5 * abs(losses[0]):
        return f"the loss is {losses[0]:.4f} whichever sample's target stands beside an output: all meet all"


def output_that_grows_with_the_batch(model, inputs):
    """Ask whether the shape of one sample's output depends on the number of samples."""
    if len(inputs) < 2:
        return None
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            shapes = [
                model(inputs[:number]).shape
                for number in (len(inputs) // 2, len(inputs))
            ]
    finally:
        for one, mode in modes:
            one.training = mode
    if shapes[0][1:] != shapes[1][1:]:
        return f"the outputs of {len(inputs) // 2} samples are {list(shapes[0])}, of {len(inputs)} {list(shapes[1])}"


def weights_of_other_shape(weights, sample_losses):
    """Ask whether weights and the losses of the samples stand in different shapes."""
    if (
        weights.shape != sample_losses.shape
        and weights.numel() == sample_losses.numel() > 1
    ):
        both = list(torch.broadcast_shapes(weights.shape, sample_losses.shape))
        return f"weights are {list(weights.shape)}, losses are {list(sample_losses.shape)}: their product is {both}"


def more_hits_than_samples(hits, targets):
    """Ask whether each prediction was compared with every target."""
    if hits.numel() == targets.numel() ** 2 > 1:
        return f"{hits.numel()} comparisons for {targets.numel()} targets: hits have shape {list(hits.shape)}"
