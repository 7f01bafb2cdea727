"""Least squares with a random intercept for each group, for few groups of unequal size.

    y = X b + a[group] + e,   a ~ N(0, ratio s²),  e ~ N(0, s²)

The ratio of variances is that of restricted maximum likelihood (REML), found over one number.
statsmodels' `MixedLM` climbs over two and stops short of the highest point where the variance
between groups is small, or raises; tests compare with it where it gets there. Its errors, and those
of Kenward and Roger, hold only where an effect is the same in all groups; those here do not need
that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.statistics import LEVEL, Array

# ratios that are tried before the best one is refined; above, groups are all that differs
_RATIOS = np.concatenate([[0.0], np.logspace(-4, 4, 81)])
_ROUNDING = 1e-10


@dataclass(frozen=True, kw_only=True)
class GroupFit:
    """Coefficients with their errors, as arrays (column,).

    Attributes
    ----------
    estimates, errors : float array
        ``b``, and standard errors over groups.
    freedom : float array
        Degrees of freedom of Student's t.
    ratio : float or None
        Variance between groups by that within; None where no two rows share a group.
    """

    estimates: Array
    errors: Array
    freedom: Array
    ratio: float | None

    @property
    def share(self) -> float | None:
        """Share of the variance that lies between groups."""
        return None if self.ratio is None else self.ratio / (1 + self.ratio)

    @property
    def p(self) -> Array:
        """Two-sided p of each coefficient, that it is 0."""
        return np.asarray(2 * scipy.stats.t.sf(np.abs(self.estimates / self.errors), self.freedom))

    def intervals(self, level: float = LEVEL) -> Array:
        """Return lower and upper bounds, (column, 2)."""
        margin = scipy.stats.t.ppf(0.5 + level / 2, self.freedom) * self.errors
        return np.stack([self.estimates - margin, self.estimates + margin], axis=1)


def fit_groups(y: Array, x: Array, groups: Sequence[str], ratio: float | None = None) -> GroupFit:
    """Fit coefficients by generalised least squares, with a random intercept for each group.

    With rows whitened by the symmetric root of V = I + ratio (same group), H their hat matrix, and
    A_g = (I - H)_gg^-1/2 (pseudoinverse) for the rows of a group,

        cov(b) = sum over g of M X_g' A_g e_g e_g' A_g X_g M,   M = (X' X)⁻¹

    which would be unbiased if the model were true, and holds as well where effects or variances
    differ between groups; degrees of freedom are Satterthwaite's under the model ("CR2": Bell and
    McCaffrey 2002, Survey Methodology 28; Pustejovsky and Tipton 2018, Journal of Business &
    Economic Statistics 36). An estimate that rests on one group has about one.

    Parameters
    ----------
    y : float array (row,)
    x : float array (row, column)
        With a column of ones.
    groups : sequence of str
        Of each row.
    ratio : float, optional
        Of variances; by default the likeliest one. 0: ordinary least squares.

    Raises
    ------
    DataError
        Columns follow from each other, no row is left over, columns and groups explain all, or a
        coefficient rests on one group alone.
    """
    rows, columns = x.shape
    if rows <= columns or np.linalg.matrix_rank(x) < columns:
        raise DataError("They follow from each other in these models.")
    names, which = np.unique(np.asarray(groups), return_inverse=True)
    same = (which[:, np.newaxis] == which).astype(np.float64)
    if ratio is None and len(names) < rows:
        ratio = _likeliest_ratio(y, x, same)
    root = _inverse_root(np.eye(rows) + (ratio or 0.0) * same)
    left, right = root @ x, root @ y
    # not by way of X' X: of a column such as years, far from 0 beside how far they differ, its
    # inverse loses twice as many digits
    basis, triangle = np.linalg.qr(left)
    solve = np.linalg.inv(triangle)
    outside = np.eye(rows) - basis @ basis.T
    residual = outside @ right
    _check_left(residual @ residual, right)
    # a row a group: what the errors of all rows do to the coefficients by way of this group
    ways = np.empty((len(names), columns, rows))
    for place in range(len(names)):
        here = which == place
        part = _inverse_root(outside[np.ix_(here, here)])
        ways[place] = solve @ basis[here].T @ part @ outside[here]
    shared = np.einsum("gcr,hcr->cgh", ways, ways)
    traces = np.trace(shared, axis1=1, axis2=2)
    errors = np.sqrt(((ways @ right) ** 2).sum(axis=0))
    variances = (solve**2).sum(axis=1)
    # what the squared errors are on average; less where a group's rows decide a coefficient alone
    if not (traces > 0.99 * variances).all():
        raise DataError("A difference rests on one family alone.")
    _check_left(errors**2 / variances, right)
    return GroupFit(
        estimates=solve @ (basis.T @ right),
        errors=errors,
        freedom=traces**2 / (shared**2).sum(axis=(1, 2)),
        ratio=ratio,
    )


def _inverse_root(matrix: Array) -> Array:
    """Return the symmetric inverse root of a matrix without negative eigenvalues; of 0, 0."""
    values, turn = np.linalg.eigh(matrix)
    known = values > 1e-8 * max(values[-1], 1e-8)
    scale = np.where(known, 1 / np.sqrt(np.where(known, values, 1.0)), 0.0)
    return np.asarray((turn * scale) @ turn.T)


def _likeliest_ratio(y: Array, x: Array, same: Array) -> float:
    """Return the ratio of variances with the highest restricted likelihood.

    With U an orthonormal basis of what the columns do not explain, in which the groups' covariance
    is diagonal (l), and u = U' y, the likelihood is (Patterson and Thompson 1971)
    ``-1/2 [(n - columns) log(sum u² / (1 + ratio l)) + sum log(1 + ratio l)]``.
    """
    free = scipy.linalg.null_space(x.T)
    spread, turn = np.linalg.eigh(free.T @ same @ free)
    spread = np.maximum(spread, 0.0)
    square = (turn.T @ (free.T @ y)) ** 2
    _check_left(square.sum(), y)

    def unlikely(ratios: npt.ArrayLike) -> Array:
        scale = 1 + np.multiply.outer(np.asarray(ratios), spread)
        return np.asarray(
            square.size * np.log((square / scale).sum(axis=-1)) + np.log(scale).sum(axis=-1)
        )

    tried = unlikely(_RATIOS)
    best = int(np.argmin(tried))
    low, high = _RATIOS[max(best - 1, 0)], _RATIOS[min(best + 1, len(_RATIOS) - 1)]
    ratio = scipy.optimize.minimize_scalar(
        lambda one: float(unlikely(one)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-9 * high},
    ).x
    # at 0 the slope need not vanish, so the end itself is compared
    return float(ratio) if unlikely(ratio) < tried[0] - _ROUNDING else 0.0


def _check_left(squares: npt.ArrayLike, y: Array) -> None:
    """Refuse scores that the columns explain but for rounding."""
    if not np.min(squares) > 1e-20 * (y @ y):
        raise DataError("They leave nothing of the scores to be explained by chance.")
