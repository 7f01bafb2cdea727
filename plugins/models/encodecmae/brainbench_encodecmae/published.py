"""Reads a published checkpoint: its tensors, and its settings as far as they matter here.

The file is ``{"state_dict": …, "config": …, "imports": …}``, the latter two text. A training-step
checkpoint has the same state dict and no ``config``. The settings are lines ``name = value`` in the
notation of gin-config. Checkpoints of one's own pretraining have a ``configuration`` instead, see
`checkpoints`.
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from brainbench_audio.activations.weights import nested
from brainbench_audio.errors import DataError

from .checkpoints import stored_configuration
from .configuration import SAMPLE_RATE, Configuration, FrontEnd

STATE = "state_dict"

_log = logging.getLogger(__name__)

_PROCESSORS = {"mel": "MelspectrogramProcessor", "spectrogram": "SpectrogramProcessor"}
_SETTINGS = {
    "frame_length": "frame_length",
    "frame_shift": "frame_shift",
    "window_type": "window",
    "num_mel_bins": "mel_bands",
}
_QUERIES = "visible_encoder.encoder_layers.0.att_layer.wq.weight"
_FEED_FORWARD = ".ff_layer."


class PublishedFile:
    """What is known about a model's file before it is read, and what it says once it is.

    Parameters
    ----------
    identifier : str
        Of the model, for messages.
    configuration : Configuration
        Expected; `read` follows the file where it says otherwise, and logs a warning.

    Attributes
    ----------
    configuration : Configuration
    normalised : bool
        Whether mean and deviation of the front end are known.
    own : bool
        Whether the file is no published one but a checkpoint of one's own pretraining.
    """

    def __init__(self, identifier: str, configuration: Configuration) -> None:
        self.identifier = identifier
        self.configuration = configuration
        self.normalised = configuration.front_end.kind != "spectrogram"
        self.own = False

    def read(self, checkpoint: Any) -> Mapping[str, Any]:
        """Return the state dict in the content of a file.

        Raises
        ------
        DataError
            There is none, or the settings contradict the tensors or themselves.
        """
        state = nested(checkpoint, [STATE])
        stored = stored_configuration(checkpoint)
        if stored is not None:
            self._follow(stored)
            return state
        text = checkpoint.get("config") or ""
        if not isinstance(text, str):
            raise DataError(f"Its 'config' is {type(text).__name__}, expected text.")
        bindings = read_bindings(text)
        self._follow_front_end(bindings)
        self._follow_heads(bindings, state)
        self._warn_of_untied(state)
        return state

    def _follow(self, stored: Configuration) -> None:
        found, expected = stored.front_end.kind, self.configuration.front_end.kind
        if found != expected:
            raise DataError(
                f"It is of a model that hears {found}, {self.identifier} hears {expected}: load it "
                f"as one of its own kind, such as encodecmae-base for mel."
            )
        self.configuration, self.normalised, self.own = stored, True, True

    def _follow_front_end(self, bindings: Mapping[str, Any]) -> None:
        front_end = self.configuration.front_end
        if front_end.kind == "encodec":
            return
        processor = _PROCESSORS[front_end.kind]
        told = {
            name.rpartition(".")[2]: value
            for name, value in bindings.items()
            if name.startswith(f"{processor}.")
        }
        if told.get("sample_frequency", SAMPLE_RATE) != SAMPLE_RATE:
            raise DataError(
                f"Its config sets {processor}.sample_frequency = {told['sample_frequency']}; "
                f"{self.identifier} takes {SAMPLE_RATE} Hz."
            )
        found = _followed(front_end, told, processor)
        self.normalised = self.normalised or "norm_stats" in told
        if front_end.kind == "mel" and found != front_end:
            self._warn(f"the file's config sets {found}, expected {front_end}; the file counts")
        self.configuration = replace(self.configuration, front_end=found)

    def _follow_heads(self, bindings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        expected = self.configuration
        heads = bindings.get("NUM_ENCODER_HEADS", expected.heads)
        # a wrapper's prefix may be before it
        queries = [value for name, value in state.items() if str(name).endswith(_QUERIES)]
        inner = len(queries[0]) if queries else expected.attention_width
        if not isinstance(heads, int) or heads < 1 or inner % heads:
            raise DataError(
                f"Its config sets NUM_ENCODER_HEADS = {heads!r}, which does not divide the {inner} "
                f"channels of its attention."
            )
        if (heads, inner) != (expected.heads, expected.attention_width):
            self._warn(
                f"the file has {heads} heads with {inner} channels, expected {expected.heads} with "
                f"{expected.attention_width}; the file counts"
            )
        self.configuration = replace(expected, heads=heads, attention_width=inner)

    def _warn_of_untied(self, state: Mapping[str, Any]) -> None:
        """Blocks share their linear maps; different copies come from another kind of training."""
        first: dict[str, Any] = {}
        for name, value in state.items():
            stack, _, rest = name.partition(".encoder_layers.")
            if _FEED_FORWARD not in rest or not isinstance(value, torch.Tensor):
                continue
            same = first.setdefault(f"{stack}.{rest.partition(_FEED_FORWARD)[2]}", value)
            if not torch.equal(same, value):
                self._warn(f"{name} differs from that of other blocks; the last block's counts")
                return

    def _warn(self, message: str) -> None:
        _log.warning("%s: %s.", self.identifier, message)


def read_bindings(text: str) -> dict[str, Any]:
    r"""Return the plain values that a gin text binds, by the last two parts of their names.

    Values that are no Python literals, such as references to functions, are left out; ``%NAME``
    stands for the value of NAME.

    Examples
    --------
    >>> read_bindings("a.B.c = [1,\n  2]\nN = 12  # heads\nscope/B.d = %N\nB.e = @f()")
    {'B.c': [1, 2], 'N': 12, 'B.d': 12}
    """
    bindings: dict[str, Any] = {}
    references: dict[str, str] = {}
    for line in _logical_lines(text):
        name, separator, value = (part.strip() for part in line.partition("="))
        if not separator or not name:
            continue
        short = ".".join(name.rpartition("/")[2].split(".")[-2:])
        if value.startswith("%"):
            references[short] = value[1:].split("#")[0].strip().rpartition(".")[2]
            continue
        try:
            bindings[short] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            continue
    return bindings | {
        name: bindings[target] for name, target in references.items() if target in bindings
    }


def _logical_lines(text: str) -> Iterator[str]:
    """Yield lines, joined where a bracket is open or a backslash ends one; comments are skipped."""
    held = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        held += line.removesuffix("\\")
        if not line.endswith("\\") and held.count("[") + held.count("(") <= (
            held.count("]") + held.count(")")
        ):
            yield held
            held = ""
    yield held


def _followed(front_end: FrontEnd, told: Mapping[str, Any], processor: str) -> FrontEnd:
    """Return the front end with what the processor's arguments say."""
    changes = {own: told[name] for name, own in _SETTINGS.items() if name in told}
    if "norm_stats" in told:
        try:
            mean, deviation = (float(value) for value in told["norm_stats"])
        except (TypeError, ValueError) as error:
            raise DataError(
                f"Its config sets {processor}.norm_stats = {told['norm_stats']!r}, expected mean "
                f"and deviation."
            ) from error
        if not deviation > 0:
            raise DataError(f"Its config sets the deviation of {processor}.norm_stats to 0.")
        changes |= {"mean": mean, "deviation": deviation}
    return replace(front_end, **changes)
