"""A value, how far it may be off, and the interval and p that follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# what scipy.stats.t is made of, whose import takes longer than scoring a small pair
from scipy.special import stdtr, stdtrit

from brainbench_audio.scores.statistics import LEVEL


@dataclass(frozen=True)
class Estimate:
    """How far a value may be off.

    Attributes
    ----------
    value, error : float
        The value and its standard error.
    freedom : float
        Degrees of freedom of Student's t.
    over : str
        What the error generalises over, in words.
    third, slope : float
        How skewed the value is, in errors: its third moment, and how fast the error rises with it.
    """

    value: float
    error: float
    freedom: float
    over: str
    third: float = 0.0
    slope: float = 0.0

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        r"""Return Student's t interval, moved by what a skewed value moves its quantiles by.

        .. math:: \frac{\mathrm{error}}{6}
            \left((2 t^2 + 1)\,\mathrm{third} + 3 (t^2 + 1)\,\mathrm{slope}\right)

        The value stays inside. Where an error is lower for lower values, intervals of these end too
        low otherwise. Edgeworth expansion of a studentised U-statistic: Helmers 1991, Annals of
        Statistics 19; intervals by it: Hall 1992, "The bootstrap and Edgeworth expansion".
        """
        quantile = float(stdtrit(self.freedom, 0.5 + level / 2))
        square = quantile**2
        moved = ((2 * square + 1) * self.third + 3 * (square + 1) * self.slope) / 6
        middle = self.value + min(max(moved, -quantile), quantile) * self.error
        return middle - quantile * self.error, middle + quantile * self.error

    def fisher_interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the interval of a correlation: Student's t on the scale of artanh (Fisher 1921).

        There the error does not depend on the value, and the interval stays below 1.
        """
        left = 1 - self.value**2
        if left <= 0:  # equal but for rounding: nothing tells how far it is from another value
            return self.value, self.value
        middle = float(np.arctanh(self.value))
        low, high = replace(self, value=middle, error=self.error / left).interval(level)
        return float(np.tanh(low)), float(np.tanh(high))

    @property
    def p(self) -> float:
        """Two-sided p that the value is 0: below 0.05 exactly where 0 is outside the interval."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))

    def root(self, most: float = np.inf) -> Estimate:
        """Return the estimate of the root of a value that is a mean of squares, as R² is.

        The error of a square is proportional to its root, so intervals are wrong near 0; that of
        the root is not.

        Parameters
        ----------
        most : float
            Largest possible error of the root, which it then has where the value is 0.
        """
        root = float(np.sqrt(max(self.value, 0.0)))
        error = self.error / (2 * root) if root else np.inf
        return replace(self, value=root, error=min(error, most), third=0.0, slope=0.0)
