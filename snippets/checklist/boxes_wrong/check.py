"""Why predicted boxes never fit: four numbers a box, in the last dimension; rows of four equal numbers are padding."""

import torch


def as_corners(boxes):
    """Read boxes in three ways: as corners, as corner and size, as centre and size."""
    a, b = boxes[..., :2], boxes[..., 2:]
    pairs = {
        "x1, y1, x2, y2": (a, b),
        "x, y, width, height": (a, a + b),
        "centre x, centre y, width, height": (a - b / 2, a + b / 2),
    }
    return {name: torch.cat(pair, dim=-1) for name, pair in pairs.items()}


def impossible(corners, size):
    """Tell which boxes are turned over, and which reach out of the image by more than 5% of it."""
    turned = (corners[..., 2:] <= corners[..., :2]).any(dim=-1)
    low, high = corners[..., :2] / size, corners[..., 2:] / size
    return turned, (low < -0.05).any(dim=-1) | (high > 1.05).any(dim=-1)


def taken_for_corners(actual, inputs):
    """Ask whether annotated boxes can be corners; hand over what your IoU, or its loss, receives."""
    boxes = actual.detach().reshape(-1, 4).float()
    boxes = boxes[(boxes != boxes[:, :1]).any(dim=1)]
    size = torch.tensor([image.shape[-2:] for image in inputs]).amax(dim=0).flip(0)
    in_pixels = len(boxes) and boxes.abs().max() > 2
    size = size.to(boxes) if in_pixels else torch.ones(2).to(boxes)
    turned, out = impossible(boxes, size)
    if (turned | out).sum() > 0.05 * len(boxes):
        fits = [
            name
            for name, corners in as_corners(boxes).items()
            if not torch.stack(impossible(corners, size)).any()
        ]
        as_what = "; no other reading fits all: are they boxes of another image size, or rows before columns?"
        if fits:
            as_what = f"; read as ({') or ('.join(fits)}) all fit"
        return (
            f"taken for corners, {int(turned.sum())} of {len(boxes)} boxes have x2 <= x1 or y2 <= y1, "
            f"and {int(out.sum())} reach out of the image{as_what}"
        )


def units_apart(outputs, targets):
    """Compare the range of predicted and annotated boxes, once the model has trained for a while."""
    names = {"predicted": outputs.detach(), "annotated": targets}
    for small, large in (("predicted", "annotated"), ("annotated", "predicted")):
        a, b = names[small], names[large]
        if min(a.numel(), b.numel()) and a.min() >= 0 and a.max() <= 1 and b.max() > 2:
            return (
                f"{small} boxes lie between {a.min():.2f} and {a.max():.2f}, {large} ones reach {b.max():.1f}: "
                "if the model has trained for a while, the former are fractions of the image, the latter pixels"
            )


def boxes_left_behind(images, boxes, x_train, y_train):
    """Ask whether boxes went with their images when these were resized; images are (…, height, width)."""
    wrong, total, example = 0, 0, ""
    for image, old, x, new in zip(images, boxes, x_train, y_train, strict=False):
        before, after = (
            torch.tensor(i.shape[-2:]).flip(0).repeat(2).to(old.device)
            for i in (image, x)
        )
        if old.shape != new.shape or old.numel() == 0 or torch.equal(before, after):
            continue
        share = old / before if old.abs().max() > 2 else old
        found = as_corners(new.to(old.device)).values()
        went = any(  # up to 5%, or a pixel by rounding
            ((m - f).abs().max() <= (0.05 * f.abs().max()).clamp(min=least)).item()
            for scale, least in ((1, 1e-6), (after, 1.0))
            for m in as_corners(share * scale).values()
            for f in found
        )
        wrong, total = wrong + (not went), total + 1
        if not went and not example:
            numbers = [
                [round(v, 1) for v in b.reshape(-1, 4)[0].tolist()] for b in (old, new)
            ]
            example = "one from {}×{} to {}×{}, its box".format(
                *before[:2].tolist(), *after[:2].tolist()
            )
            example += f" from {numbers[0]} to {numbers[1]}"
    if wrong > 0.05 * total:
        return (
            f"of {total} resized images, {wrong} have boxes elsewhere, if nothing was cropped, padded "
            f"or flipped: {example}"
        )


def boxes_without_gradient(loss_fn, outputs, targets):
    """Count the predicted boxes that the loss would not move although they are wrong."""
    boxes = outputs.detach().clone().requires_grad_()
    with torch.enable_grad(), torch.random.fork_rng():
        loss = loss_fn(boxes, targets).sum() + 0 * boxes.sum()
        (gradient,) = torch.autograd.grad(loss, boxes)
    still = (gradient == 0).all(dim=-1)
    if boxes.shape == targets.shape:
        still &= (boxes.detach() != targets).any(dim=-1)
    if still.sum() > 0.1 * still.numel():
        return (
            f"the loss has gradient 0 for {int(still.sum())} of {still.numel()} boxes: "
            "it does not move them, which is right only for padding and for boxes matched to no object"
        )


def first_class_never_found(outputs, targets):
    """Compare the labels that a detector returns with the annotated ones, over some hundred images.

    Both are dictionaries with "labels", as in torchvision, or lists of them, one for each image.
    """
    found, asked = (
        [
            d["labels"].flatten()
            for d in ([x] if isinstance(x, dict) else x)
            if isinstance(d, dict)
        ]
        for x in (outputs, targets)
    )
    if not found or not asked:
        return None
    found, asked = torch.cat(found), torch.cat(asked)
    zeros = int((asked == 0).sum())
    if zeros > 4 and not (found == 0).any() and (len(found) or zeros == len(asked)):
        return (
            f"{zeros} annotated labels are 0, and none of {len(found)} returned ones: if 0 is a class of yours, "
            "the detector may keep 0 for the background"
        )
