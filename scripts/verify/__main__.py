"""Entry point of ``python -m scripts.verify``."""

import sys

from scripts.verify.cli import main

if __name__ == "__main__":
    sys.exit(main())
