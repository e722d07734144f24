"""The form of a record of docs/recipes.yaml: which keys it may have, and what may stand under them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scripts.sources.records import Fault

Check = Callable[[Any], bool]
Fields = Mapping[str, tuple[Check, str]]  # key -> what may stand under it, and how to write it

AMOUNT = re.compile(r"\d+(\.\d+)?(e\d+)? [a-z%]+")
NEEDS_LENGTH = ("cosine-annealing-lr", "linear-decay-to-zero", "polynomial-lr", "warmup-stable-decay", "swa")
# Id of a schedule -> settings that it needs, settings that it may have.
SCHEDULES: dict[str, tuple[set[str], set[str]]] = {
    "constant": (set(), set()),
    "step-lr": ({"step_size", "gamma"}, set()),
    "multi-step-lr": ({"milestones", "gamma"}, set()),
    "exponential-lr": ({"gamma"}, {"per"}),
    "cosine-annealing-lr": (set(), {"final_lr", "over"}),
    "linear-decay-to-zero": (set(), {"final_lr"}),
    "polynomial-lr": ({"power"}, {"final_lr", "from_start"}),
    "noam-schedule": (set(), {"flat"}),
    "warmup-stable-decay": ({"decay"}, {"final_lr"}),
    "reduce-lr-on-plateau": ({"factor"}, {"patience", "min_lr"}),
    "one-cycle-lr": ({"pct_start", "div_factor", "final_div_factor"}, set()),
    "cyclic-lr": ({"base_lr", "step_size_up"}, set()),
    "swa": ({"start", "swa_lr"}, set()),
}


def is_text(value: Any) -> bool:
    """A text that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_number(value: Any) -> bool:
    """A finite number, not below 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def is_share(value: Any) -> bool:
    """A number from 0 to 1."""
    return is_number(value) and value <= 1


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and bool(AMOUNT.fullmatch(value))


def _is_batch(value: Any) -> bool:
    return value == "full" or _is_amount(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def is_spoken(value: Any) -> bool:
    """A text in each language."""
    return isinstance(value, dict) and set(value) == {"en", "zh"} and all(map(is_text, value.values()))


def _is_betas(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(is_share(each) and each < 1 for each in value)


def _is_coefficients(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(is_number(abs(each)) for each in value)


def _is_rising(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_number, value)) and value == sorted(set(value))


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and is_text(value.get("id"))


NUMBER = "Write what torch takes; a number with an exponent has a point, 1.0e-4: YAML reads 1e-4 as text."
# Numbers beside optimizer and schedule.
MORE: dict[str, Check] = {
    "clip": is_number,
    "label_smoothing": is_share,
    "ema": is_share,
    "dropout": is_share,
    "drop_path": is_share,
    "mixup": is_number,
    "cutmix": is_number,
    "layer_decay": is_share,
}
FIELDS: Fields = {
    "id": (lambda v: isinstance(v, str) and bool(re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", v)), "a-b-1"),
    "task": (is_text, "a text"),
    "model": (is_text, "a text"),
    "data": (is_text, "a text"),
    "optimizer": (_is_record, "{id: adamw, lr: 0.001, …}"),
    "others": (_is_record, "{id: adamw, lr: 0.001, …}"),
    "then": (_is_record, "{id: lbfgs, …}"),
    "scaling": (lambda v: isinstance(v, dict), "{rule: linear, lr: 0.1, per: 256}"),
    "warmup": (lambda v: isinstance(v, dict), "{length: 5 epochs, start: 0.01}"),
    "schedule": (_is_record, "{id: step-lr, step_size: 30, gamma: 0.1}"),
    "length": (_is_amount, "a number and its unit: 90 epochs"),
    "batch": (_is_batch, "a number and its unit, 256 images, or full"),
    "no_decay": (_is_texts, "a list of texts"),
    "init": (is_text, "a text"),
    "not_built": (is_spoken, "en and zh"),
    "note": (is_spoken, "en and zh"),
    "result": (is_spoken, "en and zh"),
    "source": (lambda v: isinstance(v, dict), "{paper, place} or {repository, commit, files}"),
    **{key: (check, "a number, 0.1 or 1.0e-4") for key, check in MORE.items()},
}
NEEDED = ("id", "task", "model", "optimizer", "source")
# Settings of optimizers, under torch's names or those of the guide's own classes.
SETTINGS: dict[str, Check] = {
    **dict.fromkeys(
        ("lr", "eps", "weight_decay", "initial_accumulator_value", "rho", "d", "trust_coefficient"), is_number
    ),
    **dict.fromkeys(("momentum", "alpha"), is_share),
    **dict.fromkeys(("nesterov", "decoupled_weight_decay"), lambda v: isinstance(v, bool)),
    **dict.fromkeys(("ns_steps", "refresh", "max_dim", "max_iter"), lambda v: isinstance(v, int) and v > 0),
    "betas": _is_betas,
    "ns_coefficients": _is_coefficients,
    "base": is_text,
    "adjust_lr_fn": lambda v: v in ("original", "match_rms_adamw"),
}
OF_SCHEDULES: dict[str, Check] = {
    **dict.fromkeys(("gamma", "factor", "pct_start"), is_share),
    **dict.fromkeys(("from_start", "flat"), lambda v: isinstance(v, bool)),
    "milestones": _is_rising,
}


def faults(row: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with one recipe, key by key."""
    yield from of_fields(row, FIELDS, NEEDED)
    right = {key for key, value in row.items() if key in FIELDS and FIELDS[key][0](value)}
    parts = {"schedule": _schedule, "warmup": _warmup, "scaling": _scaling, "source": source_faults}
    for key in ("optimizer", "others", "then"):
        if key in right:
            yield from _settings(key, row[key], SETTINGS)
    for key, check in parts.items():
        if key in right:
            yield from check(row)


def of_fields(row: Mapping[str, Any], fields: Fields, needed: tuple[str, ...]) -> Iterator[Fault]:
    """Keys that a record lacks, keys that do not belong there, and values of another form."""
    for key in needed:
        if key not in row:
            yield "id", f"'{key}' is missing", f"Add it: {fields[key][1]}."
    for key, value in row.items():
        if key not in fields:
            yield str(key), f"'{key}' does not belong here", f"Known are: {', '.join(fields)}."
        elif not fields[key][0](value):
            remedy = f"Write {fields[key][1]}; YAML reads 1e-4 as text, 1.0e-4 as number."
            yield key, f"'{key}' is not of the form", remedy


def of_sourced(row: Mapping[str, Any], fields: Fields, needed: tuple[str, ...]) -> Iterator[Fault]:
    """The same of a record that says where it is published."""
    yield from of_fields(row, fields, needed)
    if isinstance(row.get("source"), dict):
        yield from source_faults(row)


def _settings(key: str, value: Mapping[str, Any], known: Mapping[str, Check]) -> Iterator[Fault]:
    for name, setting in value.items():
        if name == "id":
            continue
        if name not in known:
            yield key, f"{key}: unknown setting '{name}'", f"Known are: {', '.join(known)}."
        elif not known[name](setting):
            yield (
                key,
                f"{key}: '{name}' cannot be {setting!r}",
                NUMBER,
            )


def _schedule(row: Mapping[str, Any]) -> Iterator[Fault]:
    schedule = row["schedule"]
    needs, may = SCHEDULES.get(schedule["id"], (None, None))
    if needs is None or may is None:
        yield "schedule", f"unknown schedule '{schedule['id']}'", f"Known are: {', '.join(SCHEDULES)}."
        return
    have = set(schedule) - {"id"}
    if needs - have or have - needs - may:
        wanted = ", ".join(sorted(needs | may)) or "none"
        yield "schedule", f"schedule: '{schedule['id']}' has not the settings that it takes", f"It takes: {wanted}."
    yield from _settings("schedule", schedule, {name: OF_SCHEDULES.get(name, is_number) for name in needs | may})
    if schedule["id"] in NEEDS_LENGTH and "length" not in row:
        yield "schedule", f"'{schedule['id']}' needs the length of the run", "Add length, or leave the schedule out."


def _warmup(row: Mapping[str, Any]) -> Iterator[Fault]:
    warmup = row["warmup"]
    fine = _is_amount(warmup.get("length")) and is_share(warmup.get("start", 0))
    if not fine or set(warmup) - {"length", "start"}:
        yield "warmup", "'warmup' is not of the form", "Write {length: 5 epochs}; start is a share of the peak."


def _scaling(row: Mapping[str, Any]) -> Iterator[Fault]:
    scaling, batch, lr = row["scaling"], row.get("batch", ""), row["optimizer"].get("lr")
    fine = set(scaling) == {"rule", "lr", "per"} and scaling["rule"] in ("linear", "square root")
    if not fine or not is_number(scaling["lr"]) or not is_number(scaling["per"]) or not _is_amount(batch):
        remedy = "Write {rule: linear, lr: 0.1, per: 256}, and a batch."
        yield "scaling", "'scaling' is not of the form", remedy
        return
    power = 1.0 if scaling["rule"] == "linear" else 0.5
    scaled = scaling["lr"] * (float(batch.split()[0]) / scaling["per"]) ** power
    if not is_number(lr) or not math.isclose(scaled, lr, rel_tol=0.01):
        yield "scaling", f"the rule gives {scaled:.3g}, the optimizer has {lr}", "Let lr be the one at this batch."


def source_faults(row: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with where a record is published."""
    source = row["source"]
    paper = set(source) == {"paper", "place"} and all(map(is_text, source.values()))
    keys = set(source) - {"fork"}
    code = keys == {"repository", "commit", "files"} and _is_texts(source["files"])
    if code:
        code = bool(re.fullmatch(r"[\w.-]+/[\w.-]+", str(source["repository"])))
        code = code and bool(re.fullmatch(r"[0-9a-f]{7,40}", str(source["commit"])))
    if not paper and not code:
        remedy = "Name paper and place in it, or repository (owner/name), commit and files."
        yield "source", "the source is not of the form", remedy
