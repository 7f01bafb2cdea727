"""A control: each layer of a model by few random directions, which leave distances about alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import begin, runs_ahead
from brainbench_audio.errors import ContractError
from brainbench_audio.interfaces import Model
from brainbench_audio.stimuli.stimulus_set import Moment

SEED = 0
# numbers of a random matrix; more features than sounds can span tell nothing new
_LARGEST = 1 << 28


class Projected:
    """A model whose every layer has ``features`` features, random projections of another's.

    Rows x become x R / sqrt(N), with N features and the entries of R standard normal, so that
    squared distances between sounds are kept in expectation (Johnson and Lindenstrauss 1984). R is
    drawn from the layer's name and its number of features, the same each time.

    Parameters
    ----------
    model : Model
    features : int
    """

    # made of what the others say
    transient = ("_matrices",)

    def __init__(self, model: Model, features: int) -> None:
        self._model = model
        self._features = features
        self._matrices: dict[str, npt.NDArray[np.float64]] = {}

    @property
    def layers(self) -> Sequence[str]:
        """Those of the model."""
        return self._model.layers

    @property
    def sample_rate(self) -> int:
        """That of the model."""
        return self._model.sample_rate

    @property
    def fingerprint(self) -> Any:
        """What decides the activations: the model's own, and what is drawn."""
        given = getattr(self._model, "fingerprint", None)
        return None if given is None else {"of": given, "features": self._features, "seed": SEED}

    @property
    def computed_in(self) -> str:
        """Device and precision of the model."""
        return str(getattr(self._model, "computed_in", ""))

    @property
    def dtype(self) -> str:
        """What the model computes in."""
        return str(getattr(self._model, "dtype", "float32"))

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the projected layers, see `interfaces.Model.activations`."""
        return self.begin(waveforms, layers)()

    def activations_over_time(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        moment: Moment,
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the projected layers of windows of continuous sound, heard as the model does."""
        return self.begin(waveforms, layers, moment)()

    @property
    def runs_ahead(self) -> bool:
        """Whether the model does."""
        return runs_ahead(self._model)

    def begin(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
        moment: Moment | None = None,
    ) -> Callable[[], Mapping[str, npt.NDArray[np.float32]]]:
        """Have the model hear sounds, see `LazyModel.begin`; return what waits for projections."""
        coming = begin(self._model, waveforms, layers, moment)
        return lambda: self._projected(coming())

    def _projected(
        self, activations: Mapping[str, npt.NDArray[np.float32]]
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        # in float64, so that a row does not depend on how many it is multiplied with
        return {
            layer: (rows.astype(np.float64) @ self._matrix(layer, rows.shape[1])).astype(np.float32)
            for layer, rows in activations.items()
        }

    def _matrix(self, layer: str, features: int) -> npt.NDArray[np.float64]:
        """Return R / sqrt(N) of a layer, (feature, projected feature)."""
        if layer not in self._matrices:
            if features * self._features > _LARGEST:
                raise ContractError(
                    f"Layer {layer} has {features:,} features: {self._features:,} projections of "
                    f"them need a matrix of {features * self._features:,} numbers. Take fewer, "
                    f"@project=100."
                )
            digest = hashlib.sha256(layer.encode()).digest()
            seed = [SEED, features, self._features, int.from_bytes(digest[:8], "little")]
            drawn = np.random.default_rng(seed).standard_normal((features, self._features))
            self._matrices[layer] = drawn / np.sqrt(self._features)
        return self._matrices[layer]


def projected(
    model: Model, identity: Identity, features: int, label: str
) -> tuple[Model, Identity]:
    """Return the control of a loaded model, and its identity: that of the model, and what is drawn.

    Parameters
    ----------
    model : Model
    identity : Identity
    features : int
        Of each layer of the control.
    label : str
        Its id.
    """
    made = Projected(model, features)
    drawn: dict[str, Any] = {"features": features, "seed": SEED}
    card = identity.card
    if card is not None:
        card = replace(card, id=label, dims=(features,) * len(identity.layers))
        made.card = card  # type: ignore[attr-defined]
    return made, replace(
        identity,
        id=label,
        dims=(features,) * len(identity.layers),
        fingerprint={"of": identity.fingerprint, "projection": drawn} if identity.kept else None,
        card=card,
        provenance={**identity.provenance, "projection": drawn},
    )
