"""What a score owes to each stimulus, from which follows how far it may be off for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.profiles import influences
from brainbench_audio.scores.statistics import Array
from brainbench_audio.scores.weightings import FREEDOM, WEIGHTINGS, added_variance, weightings

# fewer say nothing of others
LEAST_STIMULI, LEAST_PARTS = 20, 3
# of the sketch of pairs: its sums of squares are off by about sqrt(2 / BINS), 4 %
BINS = 1024
# what stimuli are unless it is said, and the attribute of what is stored that says it
SOUNDS, KIND = "sounds", "kind"
# share of the squares of pairs that is taken off, see `Influence._variance`; attributes of what is
# stored that say another one, that of differences, and that of single parts
HALF, SHARE, APART, ALONE = 0.5, "share", "share_of_differences", "share_of_single_parts"


@dataclass(frozen=True)
class Influence:
    """What the parts of a score, or of the difference of two, owe to each stimulus.

    Attributes
    ----------
    parts : float64 array (part,)
        The score of each subject, or of each component.
    stimuli : float64 array (stimulus, part)
        The part without that stimulus, weights learned anew, less the mean of these over stimuli.
    pairs : float64 array (bin, part) or None
        Of a metric that compares pairs of stimuli, or learns from one to predict another: `sketch`
        of what the part owes to each pair.
    units : str
        What parts are a sample of: ``listeners`` or ``folds``; empty for components.
    kind : str
        What the stimuli are, in words: ``sounds``, or blocks of time of a continuous one.
    least : int
        Fewer stimuli say nothing of others.
    choice : float64 array (weighting, part) or None
        Of a metric that chooses, as among layers: what parts move by, in each of the `weightings`,
        with the choice made anew, beyond what they move by as it is.
    share, apart : float
        Share of the squares of pairs that is taken off the variance; that of a difference of two.
    alone : float
        The most that is taken off where there is one part only, or fewer than 3 listeners.
    skewed : bool
        Whether intervals are moved by how skewed the score is, see `Estimate`: of scores that are
        made of pairs, which vary less where they are low.
    """

    parts: Array
    stimuli: Array
    pairs: Array | None = None
    units: str = ""
    kind: str = SOUNDS
    least: int = LEAST_STIMULI
    choice: Array | None = None
    share: float = HALF
    apart: float = HALF
    alone: float = 1.0
    skewed: bool = False

    @classmethod
    def of_left_out(
        cls,
        parts: npt.ArrayLike,
        without: npt.ArrayLike,
        units: str = "",
        *,
        kind: str = SOUNDS,
        least: int = LEAST_STIMULI,
    ) -> Influence:
        """Return that of parts, (part,), that are known without each stimulus, (stimulus, part)."""
        left, values = (np.asarray(one, dtype=np.float64) for one in (without, parts))
        return cls(values, left - left.mean(axis=0), units=units, kind=kind, least=least)

    @classmethod
    def of_pairs(cls, parts: npt.ArrayLike, owed: npt.ArrayLike, units: str = "") -> Influence:
        """Return that of parts, of which the influence of each pair of stimuli is known.

        Parameters
        ----------
        parts : float array (part,)
        owed : float array (part, pair)
            Derivative by the weight of each pair, upper triangle by rows.
        units : str
        """
        values = np.asarray(owed, dtype=np.float64)
        stimuli = int((1 + np.sqrt(1 + 8 * values.shape[1])) / 2)
        first, second = np.triu_indices(stimuli, 1)
        sums = np.stack(
            [np.bincount(first, one, stimuli) + np.bincount(second, one, stimuli) for one in values]
        )
        without = sums.mean(axis=1, keepdims=True) - sums
        return cls(
            np.asarray(parts, dtype=np.float64), without.T, sketch(values), units, skewed=True
        )

    def __sub__(self, other: Influence) -> Influence:
        """Return the influence on the differences, of parts and stimuli that are the same."""
        same = (self.units, self.kind) == (other.units, other.kind)
        if self.stimuli.shape != other.stimuli.shape or not same:
            raise DataError("Scores of other stimuli or parts cannot be subtracted.")
        pairs, choice = None, self.choice
        if self.pairs is not None and other.pairs is not None:
            pairs = self.pairs - other.pairs
        if other.choice is not None:  # else nothing else could be chosen
            choice = (0.0 if choice is None else choice) - other.choice
        return replace(
            self,
            parts=self.parts - other.parts,
            stimuli=self.stimuli - other.stimuli,
            pairs=pairs,
            choice=choice,
            share=self.apart,
            # or p of a comparison would depend on which model comes first
            skewed=False,
        )

    def part(self, place: int) -> Influence:
        """Return that on one part alone, which then is no sample of anything."""
        one = slice(place, place + 1)
        pairs, choice = (
            None if sums is None else sums[:, one] for sums in (self.pairs, self.choice)
        )
        parts, stimuli = self.parts[one], self.stimuli[:, one]
        return replace(self, parts=parts, stimuli=stimuli, pairs=pairs, choice=choice, units="")

    def trouble(self) -> str | None:
        """Return why nothing can be said of other sounds or listeners, a sentence; else None."""
        stimuli, parts = self.stimuli.shape
        if stimuli >= self.least or self._enough:
            return None
        units = self.units.removesuffix("s") if parts == 1 else self.units
        counted = f" and {parts} {units}" if units else ""
        needed = f" or {LEAST_PARTS} {self.units}" if self.units else ""
        return (
            f"{stimuli} {self.kind}{counted} are too few to say anything of others: an error needs "
            f"{self.least} {self.kind}{needed} at least."
        )

    @property
    def _enough(self) -> bool:
        """Whether parts say something of others."""
        return bool(self.units) and self.parts.size >= LEAST_PARTS

    @property
    def _several(self) -> bool:
        """Whether there are several components, or enough listeners."""
        return self._enough if self.units else self.parts.size > 1

    def estimate(self) -> Estimate:
        r"""Return the mean over parts and its error over stimuli and subjects, as far as they go.

        .. math:: V = V_{stimuli} + \max(0, V_{subjects} - V_{both})

        with :math:`V_{stimuli}` of the mean by jackknife, :math:`V_{subjects}` the variance of the
        parts over their number, and :math:`V_{both}`, which is in both, the sum of the variances of
        the parts over stimuli by the square of their number.

        Returns
        -------
        Estimate
            Over sounds and listeners; over sounds, for these listeners, if there are fewer than 3;
            over listeners, for these sounds, with fewer than `least` sounds; else over sounds.

        Raises
        ------
        DataError
            Neither sounds nor listeners are enough, see `trouble`.

        Notes
        -----
        Two-way clustered variance: Cameron, Gelbach and Miller 2011, Journal of Business & Economic
        Statistics 29; for what stimuli owe together, which a jackknife counts several times, Efron
        and Stein 1981, Annals of Statistics 9. Degrees of freedom: Satterthwaite 1946, of subjects
        only where they add to the error, of stimuli by what is left of the jackknife's variance.
        Error rates: docs/methods-error-rates.md.
        """
        if reason := self.trouble():
            raise DataError(reason)
        stimuli, parts = self.stimuli.shape
        value = float(self.parts.mean())
        between = float(self.parts.var(ddof=1)) / parts if self._enough else 0.0
        if stimuli < self.least:
            told = f"{self.units}, for these {self.kind}" if stimuli else self.units
            return Estimate(value, float(np.sqrt(between)), parts - 1, told)
        over, freedom = (float(one[0]) for one in self._variance(np.full((parts, 1), 1 / parts)))
        if not self._enough:
            these = f"this {self.units.removesuffix('s')}" if parts == 1 else f"these {self.units}"
            told = f"{self.kind}, for {these}" if self.units else self.kind
            return Estimate(value, float(np.sqrt(over)), freedom, told, *self._skew(over, over))
        both, of_both = self._variance(np.eye(parts) / parts)
        variance, unsure = over, over**2 / freedom
        if (added := between - float(both.sum())) > 0:
            # all that subjects say of themselves is unsure then, not only what is added of it;
            # counted where nothing is added, 3 listeners who hardly differ would tell nothing
            variance += added
            unsure += (np.square(both) / of_both).sum() + between**2 / (parts - 1)
        freedom = float(variance**2 / unsure) if variance > 0 else stimuli - 1.0
        skew = self._skew(over, variance)
        told = f"{self.kind} and {self.units}"
        return Estimate(value, float(np.sqrt(variance)), freedom, told, *skew)

    def _skew(self, over: float, variance: float) -> tuple[float, float]:
        """Return how skewed the mean over parts is, given its variance over stimuli and in all."""
        if not self.skewed or self.pairs is None or over <= 0:
            return 0.0, 0.0
        owed = -self.stimuli.mean(axis=1)
        first, second = np.triu_indices(len(owed), 1)
        both = sketch((owed[first] * owed[second])[np.newaxis])[:, 0]
        # moments of what stimuli owe, on the scale of the variance that is made of them
        scale = (over / np.square(owed).sum() / variance) ** 1.5
        return float(scale * (owed**3).sum()), float(scale * 2 * both @ self.pairs.mean(axis=1))

    def largest_error(self) -> float:
        """Return the largest error, over stimuli, that the root of the mean square of parts has.

        By the singular values of what parts owe to stimuli: that of the direction, among all
        weights of parts, in which they vary most.
        """
        stimuli, parts = self.stimuli.shape
        most = float(np.linalg.norm(self.stimuli, 2))
        return most * float(np.sqrt((stimuli - 1) / stimuli / parts))

    def draws(self, number: int, seed: int) -> Array:
        """Return draws, (draw,), from the distribution of the mean, the same for all models.

        Normal weights of stimuli, and of subjects, times what the score owes them; scaled to the
        error of `estimate`. Scores of the same stimuli and subjects are paired by the seed.
        """
        estimate = self.estimate()
        of_stimuli, of_parts = _weights(number, *self.stimuli.shape, seed)
        moved = of_stimuli @ self.stimuli.mean(axis=1)
        if self._enough:
            moved += of_parts @ (self.parts - self.parts.mean()) / len(self.parts)
        spread = moved.std()
        return np.asarray(estimate.value + moved * (estimate.error / spread if spread else 0.0))

    def _variance(self, weights: Array) -> tuple[Array, Array]:
        """Return the variance over stimuli of sums, weights (part, sum), and degrees of freedom.

        That of n squares has n - 1; a share, which pairs and the choice leave, so many fewer, and
        fewer still, by Satterthwaite's rule, as what the choice adds is not sure.
        """
        stimuli = len(self.stimuli)
        whole = squares = np.square(self.stimuli @ weights).sum(axis=0)
        if self.pairs is not None:
            # What k stimuli owe together counts k times, and is in k (k - 1) / 2 pairs. Half of the
            # squares of pairs is the most that can go if it is to count once at least, up to k = 4;
            # metrics whose pairs owe less together, or stand for something else, say another share.
            twice = np.square(self.pairs @ weights).sum(axis=0)
            share = self.share if self._several else min(self.share, self.alone)
            squares = np.maximum(squares - share * twice, squares / 2)
        changed: Array | float = 0.0
        if self.choice is not None:
            # a stimulus that counts for more is the opposite of one that is left out
            fixed = -weightings(stimuli) @ self.stimuli @ weights
            added, changed = added_variance(fixed, self.choice @ weights)
            # the highest of 30 equals varies by a quarter of each; what is estimated may by none
            squares = np.maximum(squares + added, squares / 4)
        scale = np.where(squares > 0, squares, 1.0)
        unsure = np.maximum(whole / scale, 1.0) / (stimuli - 1)
        unsure += np.square(changed / scale) / FREEDOM
        return (stimuli - 1) / stimuli * squares, 1 / np.minimum(unsure, 1.0)


def stored_influence(
    raw: xr.Dataset, parts: Mapping[str, float], value: float, units: str = ""
) -> Influence | None:
    """Return the influence that was stored with a score.

    Parameters
    ----------
    raw : xr.Dataset
        `Score.raw`.
    parts : mapping of str to float
        `Score.parts` or some of them; where they have no names, the value is the only part.
    value : float
    units : str
        What the parts are a sample of, see `Influence`.

    Returns
    -------
    Influence or None
        Without stimuli where the metric stores nothing of them, but the parts are a sample; None
        where they are not, or where a choice was made anew in other weightings than today's.

    Raises
    ------
    DataError
        There is a part of which nothing is stored.
    """
    values = np.array(list(parts.values()) or [value], dtype=np.float64)
    stored = influences(raw)
    if stored is None:
        return Influence(values, np.empty((0, values.size)), units=units) if units else None
    if "part" in stored["influence"].coords:
        absent = set(parts) - {str(name) for name in stored["influence"]["part"].values}
        if absent:
            raise DataError(
                f"The score has a part {absent.pop()!r} of which no influence is stored."
            )
        stored = {name: array.sel(part=list(parts)) for name, array in stored.items()}
    arrays = {name: array.values for name, array in stored.items()}
    told = stored["pair_sketch"].attrs if "pair_sketch" in stored else {}
    choice = arrays.get("choice_sketch")
    if choice is not None and len(choice) != WEIGHTINGS:
        return None
    return Influence(
        values,
        arrays["influence"],
        arrays.get("pair_sketch"),
        units,
        kind=str(stored["influence"].attrs.get(KIND, SOUNDS)),
        choice=choice,
        share=float(told.get(SHARE, HALF)),
        apart=float(told.get(APART, HALF)),
        alone=float(told.get(ALONE, 1.0)),
    )


def sketch(owed: npt.ArrayLike) -> Array:
    """Return few sums from which sums of squares over pairs can be told, also of differences.

    Each pair is added to a random bin with a random sign, the same for all models, so that bins of
    a difference are differences of bins. It stands for what would be 100 times as much to store.

    Parameters
    ----------
    owed : float array (part, pair)

    Returns
    -------
    float64 array (bin, part)

    Notes
    -----
    Charikar, Chen and Farach-Colton 2002, "Finding frequent items in data streams".
    """
    values = np.asarray(owed, dtype=np.float64)
    generator = np.random.default_rng(0)  # a constant: sketches of two models have to fit
    bins = generator.integers(BINS, size=values.shape[1])
    signs = generator.choice([-1.0, 1.0], size=values.shape[1])
    return np.stack([np.bincount(bins, signs * one, BINS) for one in values], axis=1)


@lru_cache(maxsize=1)  # a board asks for the same ones for each model
def _weights(number: int, stimuli: int, parts: int, seed: int) -> tuple[Array, Array]:
    """Return normal weights of stimuli, (draw, stimulus), and of parts, (draw, part)."""
    generator = np.random.default_rng(seed)
    of_stimuli = generator.standard_normal((number, stimuli))
    return of_stimuli, generator.standard_normal((number, parts))
