"""The check list of 2020, from which the guide grew: what it named is here, by the names that it used.

Its papers are looked up by title, since a key is ours; its classes and functions are found by `test_torch_names.py`.
"""

from functools import cache

import pytest
import yaml

from scripts.sources.catalog import ROOT
from scripts.sources.papers import load_papers

PAPERS = {  # part 3 of the check list: title -> year it gave
    "Understanding the difficulty of training deep feedforward neural networks": 2010,
    "Deep learning via Hessian-free optimization": 2010,
    "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks": 2013,
    "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification": 2015,
    "On weight initialization in deep neural networks": 2017,
    "How to Start Training: The Effect of Initialization and Architecture": 2018,
    "How to Initialize your Network? Robust Initialization for WeightNorm & ResNets": 2019,
    "Revisiting Initialization of Neural Networks": 2020,
}
CRITICS = ("how-to-start-training", "robust-weightnorm-resnet-init", "hessian-chain-init")  # of Xavier and Kaiming
VERDICT = {
    "en": (
        "**What it says against Xavier and Kaiming.**",
        "**What the experiment confirms.**",
        "**What it does not.**",
    ),
    "zh": ("**它对 Xavier 和 Kaiming 的批评。**", "**实验证实的部分。**", "**实验没有证实的部分。**"),
}


@cache
def principal_papers() -> dict[str, str]:
    """Paper key -> entry of the initialization section whose first paper it is."""
    found = {}
    for page in (ROOT / "docs/en/initialization").glob("*.md"):
        papers = yaml.safe_load(page.read_text(encoding="utf-8").split("---\n")[1]).get("papers") or []
        if papers and page.stem != "index":
            found.setdefault(papers[0], page.stem)
    return found


@pytest.mark.parametrize(("title", "year"), PAPERS.items())
def test_paper_has_an_entry_of_its_own(title: str, year: int) -> None:
    papers = {paper.title: paper for paper in load_papers(ROOT / "docs/papers.bib", "papers.bib").values()}
    assert papers[title].year == year
    assert papers[title].key in principal_papers()


@pytest.mark.parametrize("entry", CRITICS)
@pytest.mark.parametrize("language", VERDICT)
def test_critics_page_says_what_is_claimed_and_what_we_saw(entry: str, language: str) -> None:
    text = (ROOT / f"docs/{language}/initialization/{entry}.md").read_text(encoding="utf-8")
    places = [text.find(phrase) for phrase in VERDICT[language]]
    assert -1 < places[0] < places[1] < places[2]
