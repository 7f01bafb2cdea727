"""The error tree. What a user can cause is a `BrainbenchError` that names the thing and the fix."""

from __future__ import annotations


class BrainbenchError(Exception):
    """Base of all errors raised on purpose by brainbench-audio and its plugins."""


class UnknownId(BrainbenchError):
    """A model, benchmark or metric id that no installed plugin provides, or that two provide."""


class AmbiguousId(UnknownId):
    """An id that fits more than one thing; the message lists them."""


class PluginLoadError(BrainbenchError):
    """A plugin that cannot be imported, or that hands over something other than cards."""


class ContractError(BrainbenchError):
    """An object that does not keep the contract of `interfaces.py`: a model that returns NaN."""


class UnfitSound(ContractError):
    """A sound that a model cannot hear.

    Parameters
    ----------
    index : int
        Of the sound among those given.
    fact : str
        What the message says of it, behind its name or number.
    """

    def __init__(self, index: int, fact: str) -> None:
        super().__init__(index, fact)
        self.index, self.fact = index, fact

    def __str__(self) -> str:
        return f"Sound {self.index} {self.fact}"


class ShortSound(UnfitSound):
    """A sound with fewer samples than the model takes."""


class LongSound(UnfitSound):
    """A sound for which the model needs more memory than there is."""


class DataError(BrainbenchError):
    """Data that is missing, damaged or not what the reader expects."""


class NoText(DataError, ValueError):
    """A name that is no text in UTF-8; a ValueError, as what Python raises for it is."""


class CacheError(BrainbenchError):
    """A cache, download or result folder that cannot be read or written."""
