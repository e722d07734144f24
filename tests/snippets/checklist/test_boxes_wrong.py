"""boxes-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.checklist.boxes_wrong import check
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """Predicted boxes of test images overlap with the annotated ones by less than 0.3; the cures reach 0.5."""
    return run.last("iou") < 0.3


@causes("boxes-wrong")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def photos(n: int = 200) -> tuple[Tensor, Tensor]:
    """Images 640 wide and 480 high, of no pixels, and corners of boxes in them."""
    generator = torch.Generator().manual_seed(0)
    size = torch.tensor([640.0, 480.0])
    low = torch.rand(n, 2, generator=generator) * 0.7
    high = low + 0.05 + torch.rand(n, 2, generator=generator) * 0.25
    return torch.empty(n, 0, 480, 640), torch.cat([low * size, high * size], dim=1)


def test_corners_in_other_shapes() -> None:
    """COCO's corner and size, rows before columns, and corners converted once more are found; true corners are not."""
    inputs, corners = photos()
    sized = torch.cat([corners[:, :2], corners[:, 2:] - corners[:, :2]], dim=1)
    twice = torch.cat([corners[:, :2] - corners[:, 2:] / 2, corners[:, :2] + corners[:, 2:] / 2], dim=1)
    assert "read as (x, y, width, height) all fit" in check.taken_for_corners(sized, inputs)
    assert "all fit" not in check.taken_for_corners(twice, inputs)
    assert "reach out of the image" in check.taken_for_corners(corners[:, [1, 0, 3, 2]], inputs)
    assert check.taken_for_corners(corners, inputs) is None
    assert check.taken_for_corners(corners / torch.tensor([640, 480, 640, 480]), inputs) is None
    padded = torch.cat([corners + 20, torch.zeros(300, 4), -torch.ones(300, 4)]).reshape(100, -1, 4)
    assert check.taken_for_corners(padded, list(inputs)) is None
    assert check.taken_for_corners(corners, [inputs[0, :, :240, :320], inputs[0]]) is None
    assert "boxes of another image size" in check.taken_for_corners(corners, inputs[..., :160, :160])


def test_units_in_other_shapes() -> None:
    """Anchors in fractions against boxes in pixels are found, either way round; boxes in one unit are not."""
    _, corners = photos()
    fractions = corners / torch.tensor([640, 480, 640, 480])
    assert check.units_apart(fractions, corners).startswith("predicted boxes lie between 0")
    assert check.units_apart(corners, fractions).startswith("annotated boxes lie between 0")
    assert check.units_apart(corners + 3, corners) is None
    assert check.units_apart(fractions * 0.9, fractions) is None
    assert check.units_apart(corners[:0], corners) is None


def test_resized_boxes_in_other_shapes() -> None:
    """One factor for both sides is found; boxes that were scaled, also to fractions or into another form, are not."""
    images, corners = photos(20)
    boxes = list(corners.reshape(10, 2, 4))
    small = torch.empty(10, 3, 320, 320)
    right = [b * torch.tensor([0.5, 320 / 480, 0.5, 320 / 480]) for b in boxes]
    centred = [torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], dim=1) for b in right]
    assert "of 10 resized images, 10" in check.boxes_left_behind(images, boxes, small, [b * 0.5 for b in boxes])
    for new in (right, centred, [b / 320 for b in right], [b / 320 for b in centred]):
        assert check.boxes_left_behind(images, boxes, small, new) is None
    fractions = [b / 320 for b in right]
    assert check.boxes_left_behind(images, fractions, small, fractions) is None
    whole = [b.long() for b in boxes]
    assert check.boxes_left_behind(images, whole, small, [b.long() for b in right]) is None
    assert check.boxes_left_behind(images, whole, small, whole)
    tiny, rounded = torch.empty(10, 3, 48, 64), [torch.tensor([[6.0, 4.0, 44.0, 36.0]])] * 10
    assert check.boxes_left_behind(images, rounded, tiny, [b.mul(0.1).round() for b in rounded]) is None
    assert check.boxes_left_behind(images, rounded, tiny, rounded)
    flipped = [b * torch.tensor([-1, 1, -1, 1]) + torch.tensor([320, 0, 320, 0]) for b in right]
    assert "or flipped" in check.boxes_left_behind(images, boxes, small, [b[:, [2, 1, 0, 3]] for b in flipped])
    assert check.boxes_left_behind(images, boxes, images, boxes) is None


def test_gradient_in_other_shapes() -> None:
    """Some boxes far away are found under a module's loss, too; distances and overlapping boxes are not."""
    _, corners = photos(10)
    far = corners.clone()
    far[:2] += 2000
    assert "2 of 10 boxes" in check.boxes_without_gradient(Overlap(), far, corners)
    assert check.boxes_without_gradient(Overlap(), corners + 5, corners) is None
    assert check.boxes_without_gradient(Overlap(), corners, corners) is None
    for loss in (nn.L1Loss(), nn.SmoothL1Loss(), nn.MSELoss(), nn.L1Loss(reduction="none")):
        assert check.boxes_without_gradient(loss, far, corners) is None
    assert "10 of 10 boxes" in check.boxes_without_gradient(lambda a, b: Overlap()(a.detach(), b), far + 5, corners)
    queries = torch.cat([corners + 5, far + 900])
    matched = check.boxes_without_gradient(lambda a, b: (a[: len(b)] - b).abs().mean(), queries, corners)
    assert "10 of 20 boxes" in matched
    assert "matched to no object" in matched


class Overlap(nn.Module):
    """One less the overlap of corners, or of the generalized overlap."""

    def __init__(self, generalized: bool = False) -> None:
        super().__init__()
        self.generalized = generalized

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The mean over the boxes."""
        inter = (torch.minimum(a, b)[:, 2:] - torch.maximum(a, b)[:, :2]).clamp(min=0).prod(dim=1)
        union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - inter
        around = (torch.maximum(a, b)[:, 2:] - torch.minimum(a, b)[:, :2]).prod(dim=1)
        return (1 - inter / union + self.generalized * (around - union) / around).mean()


def test_no_overlap_no_gradient() -> None:
    """Where boxes do not overlap, the gradient of IoU is 0, and that of generalized IoU is not."""
    _, a = photos()
    for shift in ([700.0, 0, 700, 0], [0, -500.0, 0, -500], [-700.0, 500, -700, 500]):
        boxes, b = a.clone().requires_grad_(), a.flip(0) + torch.tensor(shift)
        (plain,) = torch.autograd.grad(Overlap()(boxes, b), boxes)
        (generalized,) = torch.autograd.grad(Overlap(generalized=True)(boxes, b), boxes)
        assert not plain.any()
        assert generalized.any(dim=1).all()


def test_generalized_alone() -> None:
    """In the broken program GIoU alone reaches an IoU below 0.2 in 200 steps; with the L1 term it is above 0.5."""
    text = program("boxes-wrong/overlap-loss-alone", "broken").read_text(encoding="utf-8")
    line = "return 1 - iou(outputs, targets).mean()"
    assert line in text
    names: dict[str, Any] = {"generalized": generalized, "print": lambda *_: None}
    with torch.random.fork_rng():
        exec(text.replace(line, "return generalized(outputs, targets)"), names)
    assert names["score"] < 0.2
    assert run(program("boxes-wrong/overlap-loss-alone", "fixed")).last("iou") > 0.5


def generalized(outputs: Tensor, targets: Tensor) -> Tensor:
    """The generalized overlap of boxes by centre and size, of which a width is at least 1, as in the program."""
    sized = torch.cat([outputs[:, :2], outputs[:, 2:].clamp(min=1)], dim=1)
    a, b = (torch.cat([x[:, :2] - x[:, 2:] / 2, x[:, :2] + x[:, 2:] / 2], dim=1) for x in (sized, targets))
    loss: Tensor = Overlap(generalized=True)(a, b)
    return loss


def test_with_itself() -> None:
    """A right IoU gives 1, the broken program's 0 to most boxes; corner and size read as centre and size give 1."""
    broken, fixed = (run(program("boxes-wrong/corners-or-size", role)).names for role in ("broken", "fixed"))
    assert torch.allclose(fixed["iou"](fixed["actual"], fixed["actual"]), torch.ones(100))
    assert (broken["iou"](broken["actual"], broken["actual"]) == 0).float().mean() > 0.5
    sized = fixed["y_test"].clone()
    sized[:, :2] -= sized[:, 2:] / 2
    read = fixed["to_corners"](sized)
    assert not torch.allclose(read, fixed["actual"])
    assert torch.allclose(fixed["iou"](read, read), torch.ones(100))


def labels(*numbers: int) -> dict[str, Tensor]:
    """Labels as torchvision's detectors return and take them."""
    return {"labels": torch.tensor(numbers, dtype=torch.long), "boxes": torch.zeros(len(numbers), 4)}


def test_class_numbers_in_other_shapes() -> None:
    """Lists of images and one class alone are found; detectors that return 0, numbers from 1 and few zeros are not."""
    asked = [labels(0, 1), labels(0, 0, 2), labels(), labels(0, 0)]
    found = check.first_class_never_found([labels(1), labels(2, 2), labels(1), labels()], asked)
    assert found.startswith("5 annotated labels are 0, and none of 4 returned ones")
    assert check.first_class_never_found([labels()] * 6, [labels(0)] * 6)
    assert check.first_class_never_found([labels(0), labels(2)], asked) is None
    assert check.first_class_never_found([labels(1), labels(2)], [labels(1, 2), labels(3)] * 9) is None
    assert check.first_class_never_found([labels(1)], [labels(0, 1)]) is None
    assert check.first_class_never_found([labels()] * 4, asked) is None  # it finds nothing at all yet
    assert check.first_class_never_found(torch.zeros(5, 4), torch.zeros(5, 4)) is None
    assert check.first_class_never_found([torch.zeros(2, 4)], [torch.zeros(2, 4)]) is None


@pytest.mark.parametrize("detector", ["FasterRCNN", "SSD", "RetinaNet", "FCOS"])
def test_label_of_the_background(detector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for every score, Faster R-CNN and SSD return no 0 with 3 classes; RetinaNet and FCOS return it as well."""
    from torchvision.models.detection import FasterRCNN, RetinaNet
    from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
    from torchvision.models.detection.fcos import FCOS
    from torchvision.models.detection.ssd import SSD
    from torchvision.ops import boxes

    torch.manual_seed(0)
    monkeypatch.setattr(boxes, "batched_nms", lambda found, *_: torch.arange(len(found)))  # needs a compiled part
    backbone = nn.Conv2d(3, 32, 3, stride=8, padding=1)
    backbone.out_channels = [32] if detector == "SSD" else 32  # type: ignore[assignment]
    anchors = AnchorGenerator(((16,),), ((1.0,),))
    if detector == "FasterRCNN":
        heads = FasterRCNN(backbone, 3, min_size=64, rpn_anchor_generator=anchors, box_score_thresh=0.0).roi_heads
        some = torch.rand(50, 2) * 30
        places = torch.cat([some, some + 20], dim=1)
        returned = heads.postprocess_detections(torch.randn(50, 3), torch.randn(50, 12), [places], [(64, 64)])[2]
    else:
        model = (
            SSD(backbone, DefaultBoxGenerator([[2]]), (64, 64), 3, score_thresh=0.0, detections_per_img=10**6)
            if detector == "SSD"
            else {"RetinaNet": RetinaNet, "FCOS": FCOS}[detector](
                backbone, 3, min_size=64, anchor_generator=anchors, score_thresh=0.0
            )
        )
        with torch.no_grad():
            returned = [found["labels"] for found in model.eval()([torch.rand(3, 64, 64)])]
    numbers = set(torch.cat(returned).tolist())
    assert numbers == ({1, 2} if detector in ("FasterRCNN", "SSD") else {0, 1, 2})
