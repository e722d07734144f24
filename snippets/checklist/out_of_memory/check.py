"""What fills the memory: call these with the model and one batch; the batch may be a small one."""

import torch


def saved_for_backward(model, inputs):
    """List what autograd keeps for one forward pass, each piece of memory once, as shapes and bytes."""
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = (tuple(tensor.shape), storage.nbytes())
        return tensor

    buffers = [
        (buffer, buffer.clone()) for buffer in model.buffers()
    ]  # running statistics stay what they are
    watch = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    try:
        with torch.random.fork_rng(), torch.enable_grad(), watch:
            outputs = model(inputs)
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    del outputs
    return [entry for pointer, entry in kept.items() if pointer not in weights]


def evaluation_with_a_graph(predictions):
    """Look at outputs of the validation loop: they need no gradient."""
    if predictions.requires_grad:
        return f"predictions of {len(predictions)} samples keep their graph: validation runs without no_grad()"


def activations_of_the_batch(model, inputs):
    """Compare what a batch keeps with weights, gradients and Adam's two averages. Costs one forward pass."""
    activations = sum(size for _, size in saved_for_backward(model, inputs))
    rest = 4 * sum(p.nbytes for p in model.parameters() if p.requires_grad)
    if activations > 20 * rest:
        each = activations / len(inputs)
        return (
            f"activations take {activations / 1e6:.1f} MB, {each / 1e3:.0f} kB a sample; "
            f"weights, gradients and optimizer {rest / 1e6:.2f} MB"
        )


def attention_matrices(model, inputs):
    """Look for what grows with the square of the length of tokens or of a series. Costs one forward pass."""
    length = inputs.shape[1]
    if length <= 64 or inputs.dim() > 3 or inputs.shape[2:] == (length,):
        return None  # no sequence, or features and places that cannot be told apart
    dims = (
        4 if any(p.shape[-1:] == (length,) for p in model.parameters()) else 2
    )  # layers may be as wide as that
    squares = (length, length), (length + 1, length + 1)  # with a class token
    kept = saved_for_backward(model, inputs)
    sizes = [
        size for shape, size in kept if shape[-2:] in squares and len(shape) >= dims
    ]
    if sizes:
        return f"{len(sizes)} tensors of {length} x {length} places are kept, {sum(sizes) / 1e6:.1f} MB"


def columns_of_padding(inputs):
    """Count the places at one end that are padding, which is what most rows have there, in all samples of the batch."""
    if inputs.dim() != 2 or inputs.dtype not in (torch.int32, torch.int64):
        return None  # no tokens
    for rows in (inputs, inputs.flip(1)):
        padding = rows[:, -1].mode().values
        empty = int((rows == padding).all(dim=0).flip(0).long().cumprod(dim=0).sum())
        if empty > max(
            1, 0.1 * inputs.shape[1]
        ):  # one alone may be the token that ends each text
            return f"{empty} of {inputs.shape[1]} places are padding in all samples of the batch"
