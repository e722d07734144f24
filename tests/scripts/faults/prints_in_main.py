# expect: passed
from __future__ import annotations


def show(x: Undefined) -> None:
    print(x)


if __name__ == "__main__":
    show("main")
    show(__doc__)
