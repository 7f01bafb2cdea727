"""How often means over sounds and listeners are told to differ from 0 where they do not.

``python -m tests.error_rates.two_ways 10000`` draws normal values 10,000 times in each of the
worlds: listeners differ from each other by so much, in variances that sounds give to one listener's
mean, and hear so much of what sounds vary by alike.
"""

from __future__ import annotations

import sys

import numpy as np

from brainbench_audio.scores.influence import Influence

LISTENERS, ALIKE, OWN = (3, 4, 8, 20), (0.0, 0.3, 0.8), (0.0, 0.3, 1.0, 3.0, 10.0, 100.0)
SOUNDS = 80


def false_positives(listeners: int, alike: float, own: float, times: int) -> float:
    """Return the share of means whose p is below 0.05.

    Parameters
    ----------
    listeners : int
    alike : float
        Share of the variance of a listener's values over sounds that all listeners have in common.
    own : float
        Variance of the listeners' true means, which are 0 on average, over that of their means
        over sounds.
    times : int
    """
    generator = np.random.default_rng([listeners, int(100 * alike), int(100 * own)])
    found = 0
    for _ in range(times):
        values = np.sqrt(1 - alike) * generator.standard_normal((SOUNDS, listeners))
        values += np.sqrt(alike) * generator.standard_normal((SOUNDS, 1))
        values += np.sqrt(own / SOUNDS) * generator.standard_normal(listeners)
        mean = values.mean(axis=0)
        without = (mean * SOUNDS - values) / (SOUNDS - 1)
        found += Influence.of_left_out(mean, without, "listeners").estimate().p < 0.05
    return found / times


if __name__ == "__main__":
    print("listeners, alike", *(f"{own:6g}" for own in OWN))
    for listeners in LISTENERS:
        for alike in ALIKE:
            rates = [false_positives(listeners, alike, own, int(sys.argv[1])) for own in OWN]
            print(f"{listeners:9}, {alike:5}", *(f"{rate:6.3f}" for rate in rates))
