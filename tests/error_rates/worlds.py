"""Made-up worlds whose truth is known: two equally good models and the same brain, many times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.assemblies.folds import Folds

Layers = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class World:
    """What is drawn anew each time: sounds, listeners, noise; and what stays: tuning, kinds.

    Attributes
    ----------
    name : str
    sounds : int
    listeners : int
        0: components, without listeners.
    targets : int
        Voxels of a listener, or components.
    dimensions : int
        Of what sounds are heard by; fewer than features are all the models see.
    features : int
        Of a layer.
    layers : int
        Noisier from the first to the last.
    steps : float
        How much noisier each layer is than the one before.
    noise : float
        Of responses, of each session where there are sessions, beside a signal of deviation 1.
    kinds : int
        Clusters that sounds come from, the same each time; 0: none.
    quota : bool
        Whether each kind has as many sounds; else kinds are drawn, too.
    tuning : float
        How far the tuning of a listener is from that of all; 0: shared.
    same : bool
        Whether listeners are the same each time, so that each has a true score of its own. What is
        told of the mean of 3 or more speaks of other listeners, and is too careful then.
    signal : float
        0: responses are noise.
    sessions : int
        0: responses without the dimension.
    """

    name: str
    sounds: int = 80
    listeners: int = 0
    targets: int = 6
    dimensions: int = 20
    features: int = 20
    layers: int = 2
    steps: float = 0.25
    noise: float = 1.0
    kinds: int = 0
    quota: bool = True
    tuning: float = 0.3
    same: bool = False
    signal: float = 1.0
    sessions: int = 0

    def draw(self, seed: int) -> tuple[list[Layers], xr.DataArray, np.ndarray[Any, Any]]:
        """Return the layers of two equally good models, responses and folds."""
        fixed = np.random.default_rng(20)
        size = (self.dimensions, self.targets)
        shared = fixed.standard_normal(size) / np.sqrt(self.dimensions)
        mixing = [
            fixed.standard_normal((self.dimensions, self.features)) / np.sqrt(self.dimensions)
            for _ in range(self.layers)
        ]
        centres = fixed.standard_normal((max(1, self.kinds), self.dimensions)) * bool(self.kinds)
        generator = np.random.default_rng([seed, self.sounds, self.listeners])
        kind = np.arange(self.sounds) % max(1, self.kinds)
        if not self.quota:
            kind = np.sort(generator.integers(self.kinds, size=self.sounds))
        heard = centres[kind] + generator.standard_normal((self.sounds, self.dimensions))
        drawn = fixed if self.same else generator
        tunings = (
            [shared]
            if not self.listeners
            else [
                shared + self.tuning * drawn.standard_normal(size) / np.sqrt(self.dimensions)
                for _ in range(self.listeners)
            ]
        )
        responses = np.concatenate([self.signal * heard @ tuning for tuning in tunings], axis=1)
        if self.sessions:
            responses = np.repeat(responses[..., np.newaxis], self.sessions, axis=2)
        responses += self.noise * generator.standard_normal(responses.shape)
        models = [
            {
                f"layer {place}": heard @ mix
                + (0.5 + self.steps * place)
                * generator.standard_normal((self.sounds, self.features))
                for place, mix in enumerate(mixing)
            }
            for _ in range(2)
        ]
        # folds stratified by kind, as the published ones
        folds = np.arange(self.sounds) // (max(1, self.kinds) if self.quota else 1) % 5
        return models, self._labelled(responses), folds

    def _labelled(self, responses: np.ndarray[Any, Any]) -> xr.DataArray:
        across = "voxel" if self.listeners else "component"
        coordinates: dict[str, Any] = {
            "stimulus": [f"sound {place}" for place in range(self.sounds)]
        }
        if self.listeners:
            subjects = np.repeat([f"subject-{one}" for one in range(self.listeners)], self.targets)
            coordinates["subject"] = (across, subjects)
        else:
            coordinates[across] = [f"component {place}" for place in range(self.targets)]
        sessions = ("session",) if self.sessions else ()
        return xr.DataArray(responses, coordinates, ("stimulus", across, *sessions))

    @property
    def units(self) -> str:
        """What the parts of a score are a sample of."""
        return "listeners" if self.listeners else ""

    def silent(self) -> World:
        """Return the world without a signal."""
        return replace(self, name=f"{self.name}, noise only", signal=0.0)


@dataclass(frozen=True)
class Clips:
    """Clips of three labels, drawn anew each time, and two models that hear them equally well.

    Attributes
    ----------
    name : str
    clips : int
    units : str
        ``folds``: five that take turns. Empty: a fixed split, the last two fifths are tested.
    """

    name: str
    clips: int
    units: str

    def draw(self, seed: int, others: int = 0) -> tuple[list[Layers], xr.DataArray, Any]:
        """Return the layers of two equally good models, labels and folds.

        With ``others``, so many clips are tested in place of those of the fixed split: they tell
        what networks that learned from the same clips score on average.
        """
        centres = np.random.default_rng(20).standard_normal((3, 8))
        generator = np.random.default_rng([seed, self.clips])
        fold = np.arange(self.clips) // 3 % 5
        part = (
            np.zeros(self.clips, dtype=np.intp) if self.units else np.array([0, 0, 1, 2, 2])[fold]
        )
        learned = int((part < 2).sum())
        kind = np.arange(self.clips) % 3
        # what is learned from comes first, so that it is drawn alike whatever is tested
        order = np.argsort(part, kind="stable")
        fold, part, kind = fold[order], part[order], kind[order]
        if others:
            part = np.concatenate([part[:learned], np.full(others, 2)])
            kind = np.concatenate([kind[:learned], np.arange(others) % 3])
        models: list[list[np.ndarray[Any, Any]]] = [[], []]
        for some in (kind[:learned], kind[learned:]):
            heard = centres[some] + generator.standard_normal((len(some), 8))
            for model in models:
                model.append(heard + generator.standard_normal(heard.shape))
        names = [f"clip {place}" for place in range(len(kind))]
        labels = xr.DataArray(
            np.eye(3)[kind],
            {"stimulus": names, "label": list("abc")},
            ("stimulus", "label"),
            attrs={"prediction_type": "multiclass", "evaluation": "top1_acc"},
        )
        layers = [{"layer": np.concatenate(model)} for model in models]
        if self.units:
            return layers, labels, fold
        split = Folds(tuple(names), tuple(part.tolist()), "fixed", ("train", "valid", "test"))
        return layers, labels, split


CLIPS = (Clips("clips, 5 folds", 150, "folds"), Clips("clips, fixed split", 300, ""))
COMPONENTS = (
    World("components"),
    World("components, 165 sounds", sounds=165),
    World("components, 40 sounds", sounds=40, noise=0.5),
    World("components, kinds of sounds", sounds=110, kinds=11),
    World("components, kinds drawn", sounds=110, kinds=11, quota=False),
    World("components, few features", sounds=120, dimensions=5, features=5, layers=1),
    World(
        "components, 3 layers of few features",
        sounds=165,
        targets=3,
        dimensions=5,
        features=5,
        layers=3,
        noise=0.7,
    ),
    World(
        "components, 4 layers alike",
        sounds=100,
        targets=4,
        dimensions=10,
        features=10,
        layers=4,
        steps=0.0,
    ),
    World("components, more features than sounds", features=200, dimensions=10),
    World("components, noisy", sounds=165, noise=2.0),
)
SINGLE = (
    World(
        "one component, 6 layers of few features",
        sounds=165,
        targets=1,
        dimensions=12,
        features=3,
        layers=6,
        steps=0.0,
        noise=0.5,
    ),
    World(
        "one component, 6 layers alike",
        sounds=100,
        targets=1,
        features=40,
        layers=6,
        steps=0.0,
        noise=0.5,
    ),
    World("one component, 165 sounds", sounds=165, targets=1),
    World("one component, one layer", sounds=60, targets=1, features=10, layers=1),
)
LISTENERS = (
    World("3 listeners", listeners=3, targets=15),
    World("8 listeners", listeners=8, targets=15),
    World("8 listeners, own tuning", listeners=8, targets=15, tuning=1.5),
    World("8 listeners, kinds of sounds", sounds=88, listeners=8, targets=15, kinds=11),
    World("8 listeners, noisy", listeners=8, targets=15, noise=2.0),
    World(
        "8 listeners, 3 layers of few features",
        sounds=100,
        listeners=8,
        targets=15,
        dimensions=5,
        features=5,
        layers=3,
        noise=0.7,
    ),
    World("the same 8 listeners", listeners=8, targets=15, same=True),
    World("the same 2 listeners", listeners=2, targets=15, same=True),
    World("the same 4 listeners, noisy", listeners=4, targets=15, noise=2.0, same=True),
    World("20 listeners, 40 sounds", sounds=40, listeners=20, targets=10),
    World("28 listeners, 165 sounds", sounds=165, listeners=28, targets=8),
)
_AGAIN = (
    *("components", "components, noisy", "components, few features", "components, 40 sounds"),
    "8 listeners",
)
SESSIONS: tuple[World, ...] = tuple(
    replace(world, name=f"{world.name}, 3 sessions", sessions=3)
    for world in (*COMPONENTS, *LISTENERS)
    if world.name in _AGAIN
)
