"""`python -m brainbench_audio` is `brainbench`."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks for modules in the current folder first, where anybody's files may lie
    del sys.path[0]

from brainbench_audio.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
