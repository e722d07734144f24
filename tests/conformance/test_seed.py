"""The check list of 2020, from which the guide grew: what it named is here, by the names that it used.

Its papers are looked up by title, since a key is ours; its classes and functions are found by `test_torch_names.py`.
"""

import pytest

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
        "**What the paper says against Xavier and Kaiming.**",
        "**What the experiment confirms.**",
        "**What the experiment does not confirm.**",
    ),
    "zh": ("**论文对 Xavier 和 Kaiming 的批评。**", "**实验证实的部分。**", "**实验没有证实的部分。**"),
}


@pytest.mark.parametrize(("title", "year"), PAPERS.items())
def test_paper_has_an_entry_of_its_own(catalog, title: str, year: int) -> None:
    papers = {paper.title: paper for paper in catalog.papers.values()}
    assert papers[title].year == year
    principal = {entry.facts("papers")[0] for entry in catalog.in_section("initialization") if entry.facts("papers")}
    assert papers[title].key in principal


@pytest.mark.parametrize("entry", CRITICS)
@pytest.mark.parametrize("language", VERDICT)
def test_critics_page_says_what_is_claimed_and_what_we_saw(catalog, entry: str, language: str) -> None:
    text = catalog.by_id[entry].pages[language].text
    places = [text.find(phrase) for phrase in VERDICT[language]]
    assert -1 < places[0] < places[1] < places[2]
