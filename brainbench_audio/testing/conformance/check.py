"""One thing that a plugin is held to, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed", "not checked"]


class Failed(AssertionError):
    """The plugin does not do what it should; the message says what to change."""


class NotChecked(Exception):
    """The check does not apply, or what it needs is not here; the message says why."""


class Doubtful(Exception):
    """Not wrong, but worth a look; the message says what to change."""


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Attributes
    ----------
    subject, name : str
        What was checked, e.g. ``"model vggish"``, and for what.
    state : str
        ``ok``, ``warning``, ``failed`` or ``not checked``.
    message : str
        What to change, or why it was not checked; empty where all is well.
    """

    subject: str
    name: str
    state: State
    message: str = ""


@dataclass(frozen=True)
class Check:
    """One check of one thing.

    Attributes
    ----------
    subject, name : str
    function : callable
        Returns nothing where all is well, else raises `Failed`, `Doubtful` or `NotChecked`.
    """

    subject: str
    name: str
    function: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.subject}: {self.name}"

    def outcome(self) -> Outcome:
        """Run the check; an error of any kind is a failure of the plugin, never of the suite."""
        try:
            self.function()
        except NotChecked as reason:
            return Outcome(self.subject, self.name, "not checked", str(reason))
        except Doubtful as reason:
            return Outcome(self.subject, self.name, "warning", str(reason))
        except Failed as reason:
            return Outcome(self.subject, self.name, "failed", str(reason))
        except Exception as error:
            return Outcome(self.subject, self.name, "failed", f"raised {error!r}")
        return Outcome(self.subject, self.name, "ok")


def require(condition: object, message: str) -> None:
    """Raise `Failed` with the message unless the condition holds."""
    if not condition:
        raise Failed(message)
