"""Lets ``python -m whytls`` run."""

import sys

from whytls.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
