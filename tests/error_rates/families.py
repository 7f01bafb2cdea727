"""How often tests of a property of models err, where models of a family are alike.

`python -m tests.error_rates.families 1000 paper` (ten, six; some of `OF` behind it) makes the
numbers of docs/methods-error-rates.md anew.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brainbench_audio.report.mixed_model import fit_groups

Array = Any
EFFECT = 0.5
# families of the paper's 36 models; half as many; and a few
PAPER = (10, 4, 4, 4, 4, *[1] * 10)
TEN = (3, 3, 2, 2, 2, 1, 1, 1, 1, 1)
SIX = (3, 2, 2, 1, 1, 1)


@dataclass(frozen=True)
class Families:
    """Models of families of unequal size, scored with noise of deviation 1.

    Attributes
    ----------
    sizes : tuple of int
        Models of each family.
    deviation : float
        Between families.
    slope : float
        Deviation between families of the effect.
    of : str
        What the property is: ``families`` (a number that a family shares), ``models`` (a number of
        each model), ``both`` (their sum), ``kind`` (two kinds; a family's, but for one model in
        seven), ``kinds`` (three), ``three`` (three numbers, of families, models and both, adjusted
        for one another).
    """

    sizes: tuple[int, ...]
    deviation: float
    slope: float
    of: str

    def groups(self) -> Array:
        """Return the family of each model."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def columns(self, generator: np.random.Generator) -> Array:
        """Return properties of drawn models, the one in question first, (model, column)."""
        groups = self.groups()
        each = generator.standard_normal((3, len(groups)))
        shared = generator.standard_normal((2, len(self.sizes)))[:, groups]
        if self.of in ("kind", "kinds"):
            edges = [0.4] if self.of == "kind" else [0.3, 0.65]
            kinds = np.digitize(generator.random(len(self.sizes)), edges)[groups]
            odd = generator.random(len(groups)) < 1 / 7
            kinds = np.where(odd, generator.permutation(kinds), kinds)
            return np.stack([kinds == level for level in range(1, len(edges) + 1)], axis=1) * 1.0
        numbers = {"families": shared[0], "models": each[0], "both": shared[1] + each[1] / 2}
        return np.stack(list(numbers.values()) if self.of == "three" else [numbers[self.of]], 1)

    def draws(self, times: int, effect: float, seed: int = 0) -> Iterator[tuple[Array, Array]]:
        """Return scores and columns of some drawn worlds, with the ones of the intercept first."""
        generator = np.random.default_rng(seed)
        groups = self.groups()
        while times:
            columns = self.columns(generator)
            if self.of in ("kind", "kinds"):
                every = [columns.sum(axis=1) == 0, *(columns.T == 1)]
                # as the report asks for
                if min(len(set(groups[kind])) for kind in every) < 2:
                    continue
            apart, effects = generator.standard_normal((2, len(self.sizes)))[:, groups]
            effects = effect + self.slope * effects
            noise = self.deviation * apart + generator.standard_normal(len(groups))
            y = effects * columns[:, 0] + noise
            yield y, np.column_stack([np.ones(len(groups)), columns])
            times -= 1


@dataclass(frozen=True)
class Rates:
    """Shares of simulations: p below .05 without an effect, and with one; intervals that hold it.

    ``freedom``: mean degrees of freedom. ``zero``: no variance between families was found.
    """

    false: float
    covered: float
    found: float
    freedom: float
    zero: float

    def line(self) -> str:
        """Return a row of the table."""
        shares = [f"{one:.3f}".removeprefix("0") for one in (self.false, self.covered, self.found)]
        zero = f"{self.zero:.2f}".removeprefix("0")
        return " | ".join([*shares, f"{self.freedom:.1f}", zero])


def rates(world: Families, times: int, seed: int = 0) -> Rates:
    """Simulate a world with and without an effect."""
    groups = [str(one) for one in world.groups()]
    counts = np.zeros(5)
    for y, x in world.draws(times, 0.0, seed):
        fit = fit_groups(y, x, groups)
        counts[[0, 3, 4]] += fit.p[1] < 0.05, fit.freedom[1], fit.ratio == 0
    for y, x in world.draws(times, EFFECT, seed + 1):
        fit = fit_groups(y, x, groups)
        low, high = fit.intervals()[1]
        counts[[1, 2]] += low <= EFFECT <= high, fit.p[1] < 0.05
    return Rates(*(counts / times))


def of_statsmodels(world: Families, times: int, seed: int = 0) -> tuple[float, float]:
    """Return shares of fits by `MixedLM`: p < .05 without an effect, and off the top or raised.

    Off the top: its ratio of variances is farther from the likeliest one than .01 and 5 %.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM

    groups = world.groups()
    false = off = 0
    for y, x in world.draws(times, 0.0, seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = MixedLM(y, x, groups=groups).fit(reml=True)
            except np.linalg.LinAlgError:
                off += 1
                continue
        ours = fit_groups(y, x, [str(one) for one in groups]).ratio or 0.0
        ratio = float(theirs.cov_re[0, 0] / theirs.scale)
        off += abs(ratio - ours) > max(0.01, 0.05 * ours)
        false += theirs.pvalues[1] < 0.05
    return false / times, off / times


# deviations between families of scores, and of the effect
SPREADS = ((0.0, 0.0), (0.5, 0.0), (2.0, 0.0), (2.0, 0.7), (2.0, 1.5))
OF = ("families", "models", "both", "kind", "kinds", "three")


def main(times: int, sizes: tuple[int, ...], of: Sequence[str]) -> None:
    """Print a row a world of these families; the last two numbers are statsmodels'."""
    for one in of:
        for deviation, slope in SPREADS:
            world = Families(sizes, deviation, slope, one)
            theirs = of_statsmodels(world, times // 20)
            told = " | ".join(f"{share:.2f}".removeprefix("0") for share in theirs)
            ours = rates(world, times).line()
            print(f"| {one} | {deviation:g} | {slope:g} | {ours} | {told} |", flush=True)


if __name__ == "__main__":
    named = {"paper": PAPER, "ten": TEN, "six": SIX}
    main(int(sys.argv[1]), named[sys.argv[2]], sys.argv[3:] or OF)
