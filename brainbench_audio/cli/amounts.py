"""Numbers of options: what they may be, said as wrong usage."""

from __future__ import annotations

import argparse
import math
import re

from brainbench_audio.scores.options import LEAST, MOST

DEVICES = ("auto", "cpu", "cuda", "mps")  # that a model may compute on
DTYPES = ("float32", "tf32", "float16", "bfloat16")


def seed(text: str) -> int:
    """Read the seed of random numbers, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: a whole number, 0 or more")
    return int(text)


def permutations(text: str) -> int:
    """Read a number of permutations: none, or as many as can give p below .05."""
    if not text.isdecimal() or not (int(text) == 0 or LEAST <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of permutations: 0 for no test, or {LEAST} to {MOST:,}"
        )
    return int(text)


def draws(text: str) -> int:
    """Read a number of draws: none, or as many as differ from each other."""
    if not text.isdecimal() or int(text) == 1 or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of draws: 0, or 2 to {MOST:,}")
    return int(text)


def finite(text: str) -> float:
    """Read a number that is neither infinite nor NaN."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return number


def processes(text: str) -> int:
    """Read a number of processes, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes: 1 or more")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes such as ``4GB`` or ``500 MB``; kB is 1000 bytes, KiB 1024."""
    found = re.fullmatch(r"([0-9.]+) ?([kKMGT]?)(i?)B?", text.strip())
    number, unit, binary = found.groups() if found else ("0", "", "")
    power = " kMGT".index(unit.replace("K", "k") or " ")
    try:
        total = int(float(number) * (1024 if binary else 1000) ** power)
    except (ValueError, OverflowError):  # 1.2.3GB, and more than any number
        total = 0
    if not total:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 4GB or 500MB")
    return total
