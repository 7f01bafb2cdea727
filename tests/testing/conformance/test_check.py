"""Whatever a check does, the suite goes on and says what came of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.testing.conformance.check import (
    Check,
    Doubtful,
    Failed,
    NotChecked,
    require,
)


def raising(error: BaseException) -> Callable[[], None]:
    def check() -> None:
        raise error

    return check


@pytest.mark.parametrize(
    ("function", "state", "message"),
    [
        (lambda: None, "ok", ""),
        (raising(Failed("mend it")), "failed", "mend it"),
        (raising(Doubtful("look at it")), "warning", "look at it"),
        (raising(NotChecked("no data")), "not checked", "no data"),
        (raising(DataError("lost")), "failed", "raised DataError('lost')"),
        (raising(ZeroDivisionError()), "failed", "raised ZeroDivisionError()"),
        # an assertion of a plugin's own code is an error like others, not a verdict of the suite
        (raising(AssertionError("theirs")), "failed", "raised AssertionError('theirs')"),
    ],
)
def test_outcomes(function: Callable[[], None], state: str, message: str) -> None:
    outcome = Check("model tiny", "is quick", function).outcome()
    assert (outcome.state, outcome.message) == (state, message)
    assert (outcome.subject, outcome.name) == ("model tiny", "is quick")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_whoever_stops_the_suite_stops_it(stop: type[BaseException]) -> None:
    with pytest.raises(stop):
        Check("model tiny", "is quick", raising(stop())).outcome()


def test_a_check_is_named_after_its_subject() -> None:
    assert str(Check("model tiny", "is quick", lambda: None)) == "model tiny: is quick"


def test_require() -> None:
    require([0], "a list that holds something is true")
    with pytest.raises(Failed, match="empty"):
        require([], "it is empty")
