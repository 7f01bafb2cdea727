"""Model, data set and metric of the tiny plugin."""

from dataclasses import replace

import numpy as np
import xarray as xr

from brainbench_audio import settings
from brainbench_audio.assemblies.assembly import select
from brainbench_audio.data_source import BaseSource
from brainbench_audio.errors import DataError
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.statistics import standard_error, weighted_pearson
from brainbench_audio.testing import DummyModel, dummy_dataset

FOLDER = "tiny-sounds"


class TinyModel(DummyModel):
    """A dummy with a card."""

    def __init__(self, card, weights=None):
        super().__init__(bands=card.dims[0])
        self.card = card
        self.weights = weights

    @property
    def fingerprint(self):
        return {"bands": self.bands, "weights": self.weights}


def load_model(card, weights=None):
    return TinyModel(card, weights)


def load_broken_model(card):
    raise RuntimeError("the weights are full of holes")


class TinySource(BaseSource):
    """Makes its sounds when they are asked for; a download writes where it is from."""

    def load(self, card, subset=None):
        dataset = dummy_dataset(card, settings.data_home() / FOLDER)
        if not subset:
            return dataset
        return replace(dataset, assembly=select(dataset.assembly, "component", subset))

    def fetch(self, card, subset=None, source=None, sha256=None):
        folder = settings.data_home() / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "source.txt").write_text(str(source))
        return folder

    def locate(self, card, subset=None):
        folder = settings.data_home() / FOLDER
        return folder if folder.is_dir() else None


class MissingSource(BaseSource):
    """Has no data."""

    def load(self, card, subset=None):
        raise DataError(f"{card.id} cannot be found anywhere.")


class Match:
    """R² of the best single feature of each layer, averaged over targets."""

    def __init__(self, variant, power):
        self.variant = variant
        self.power = power

    def __call__(self, layers, target, folds):
        measured = target.values
        best = {}
        for name in layers:
            features = layers[name]
            once = np.ones((1, len(measured)))
            columns = [
                weighted_pearson(measured, np.tile(column[:, None], measured.shape[1]), once)[0]
                for column in features.T
            ]
            squares = np.nan_to_num(np.maximum(columns, 0.0)) ** 2
            best[name] = squares.max(axis=0) ** self.power
        layer = max(best, key=lambda name: best[name].mean())
        scores = best[layer]
        labels = target["component"].values
        raw = xr.Dataset(
            {"layer_score": (("layer", "component"), np.array(list(best.values())))},
            {"layer": list(best), "component": labels},
        )
        return Score(
            value=scores.mean(),
            error=standard_error(scores),
            interval=(scores.min(), scores.max()),
            ceiling=0.8,
            parts=dict(zip(labels.tolist(), scores, strict=True)),
            layer=layer,
            n={"component": len(scores), "fold": np.asarray(folds).max() + 1},
            raw=raw,
        )


def load_metric(card, variant, power=1):
    return Match(variant, power)
