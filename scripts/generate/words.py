"""The generated words of both editions, side by side."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "original": {"en": "original", "zh": "原文"},
    "archive": {"en": "archive", "zh": "归档"},
    "paper": {"en": "Paper", "zh": "论文"},
    "papers": {"en": "Papers", "zh": "论文"},
    "year": {"en": "Year", "zh": "年份"},
    "api": {"en": "PyTorch API", "zh": "PyTorch 接口"},
    "no_api": {"en": "not in torch: copy the code below", "zh": "torch 未提供，可复制下面的代码"},
    "verified_on": {"en": "Verified on", "zh": "已验证"},
    "verified": {"en": "verified", "zh": "已验证"},
    "output": {"en": "Output", "zh": "输出"},
    "evidence_code": {"en": "Code of this experiment", "zh": "本实验的代码"},
    "download_py": {"en": "Python file", "zh": "Python 文件"},
    "download_ipynb": {"en": "notebook", "zh": "笔记本"},
    "reference": {"en": "API reference", "zh": "接口说明"},
    "parameters": {"en": "Parameters", "zh": "参数"},
    "name": {"en": "Name", "zh": "名称"},
    "type": {"en": "Type", "zh": "类型"},
    "default": {"en": "Default", "zh": "默认值"},
    "meaning": {"en": "Meaning", "zh": "含义"},
    "data": {"en": "The numbers in this figure", "zh": "图中的数据"},
    "related": {"en": "Related", "zh": "相关条目"},
    "symptoms": {"en": "Symptoms that lead here", "zh": "指向本页的症状"},
    "how_verified": {"en": "How this was verified", "zh": "本页如何验证"},
    "how_verified_text": {
        "en": "Everything above was run by the build that published this page; nothing was typed in.",
        "zh": "本页的代码、输出、图和结论都由发布本页的构建实际运行得出，没有一处是手工填写的。",
    },
    "snippet": {"en": "Snippet", "zh": "代码"},
    "device": {"en": "Device", "zh": "设备"},
    "result": {"en": "Result", "zh": "结果"},
    "date": {"en": "Date", "zh": "日期"},
    "seconds": {"en": "Seconds", "zh": "秒"},
    "passed": {"en": "passed", "zh": "通过"},
    "not_run": {"en": "not run", "zh": "未运行"},
    "not_run_cuda": {"en": "CUDA: not run in this build.", "zh": "CUDA：本次构建未运行。"},
    "claim_test": {"en": "Claims and their tests", "zh": "结论与对应的测试"},
    "other_tests": {"en": "Other tests of this entry", "zh": "本条目的其他测试"},
    "proved_by": {"en": "Proved by", "zh": "由测试证明："},
    "cases": {"en": "cases", "zh": "组"},
    "technique": {"en": "Technique", "zh": "技术"},
    "for": {"en": "For", "zh": "适用"},
    "in_torch": {"en": "In torch", "zh": "torch 接口"},
    "summary": {"en": "In one sentence", "zh": "一句话"},
    "cited_by": {"en": "Cited by", "zh": "引用它的条目"},
    "title": {"en": "Title", "zh": "标题"},
    "authors": {"en": "Authors", "zh": "作者"},
    "section": {"en": "Section", "zh": "章节"},
    "also": {"en": "see", "zh": "见"},
    "home": {"en": "Home", "zh": "首页"},
    "table_of": {"en": "Table", "zh": "表"},
    "entries": {"en": "entries", "zh": "个条目"},
    "symptom": {"en": "Symptom", "zh": "症状"},
    "nearest": {
        "en": "Nothing here is called so. The nearest, and the sections:",
        "zh": "没有同名条目。最接近的条目与各章节：",
    },
    "look_at": {"en": "Look at", "zh": "查看"},
}


def word(key: str, lang: str) -> str:
    """The word for ``key`` in the edition's language."""
    return WORDS[key][lang]
