"""Numbers of options: what they may be, said as wrong usage."""

from __future__ import annotations

import argparse
import re


def seed(text: str) -> int:
    """Read the seed of random numbers, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: a whole number, 0 or more")
    return int(text)


def processes(text: str) -> int:
    """Read a number of processes, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes: 1 or more")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes such as ``4GB`` or ``500 MB``; kB is 1000 bytes, KiB 1024."""
    found = re.fullmatch(r"([0-9.]+) ?([kKMGT]?)(i?)B?", text.strip())
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        number = 0.0
    if found is None or not number:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 4GB or 500MB")
    power = " kMGT".index(found[2].replace("K", "k") or " ")
    return int(number * (1024 if found[3] else 1000) ** power)
