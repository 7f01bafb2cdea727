"""One look for all progress bars: on standard error, after two seconds, only on a terminal.

``TQDM_DISABLE=1`` hides them.
"""

from __future__ import annotations

import os
from typing import Any

from tqdm import tqdm

from brainbench_audio.names import printable


def progress_bar(total: int, description: str, unit: str, **options: Any) -> tqdm[Any]:
    """Return a bar to be used as a context manager and moved on with ``update``.

    Parameters
    ----------
    total : int
        Units in all.
    description, unit : str
        Shown before and after the numbers.
    **options
        Passed on to `tqdm.tqdm`.
    """
    disable = True if os.environ.get("TQDM_DISABLE") else None
    return tqdm(
        total=total,
        desc=printable(description),
        unit=unit,
        disable=disable,
        delay=2,
        leave=False,
        **options,
    )
