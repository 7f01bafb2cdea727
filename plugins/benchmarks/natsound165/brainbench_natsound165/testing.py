"""Makes voxel data in exactly the published layout: paths, types, structs and pickled tables.

For tests and timings; nothing else imports it. Responses are ``R @ W`` of the published components
where those are at hand, plus noise for each session; elsewhere a random rank-6 matrix takes their
place.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped,unused-ignore]
import scipy.io

from brainbench_natsound165.files import registry
from brainbench_natsound165.voxels import (
    B2021,
    NH2015,
    REGIONS,
    RESPONSES,
    TABLE,
    VOXELS,
    Published,
    read_b2021,
    read_nh2015,
)

NAMES = [name for name, _, _ in registry()]
# Of a session, in standard deviations of a voxel's signal: 80 % of the variance of the mean over
# sessions is then signal, the share that six components have of the published responses.
NOISE = 0.75**0.5


def old_table(columns: dict[str, Any]) -> pd.DataFrame:
    """Return a table without the string types that pandas made up after the files were written."""
    series = {
        name: pd.Series(values, dtype=object if np.asarray(values).dtype.kind in "OU" else None)
        for name, values in columns.items()
    }
    table = pd.DataFrame(series)
    table.columns = pd.Index(list(series), dtype=object)
    return table


@dataclass
class Maker:
    """Writes one data set; every part can be changed before it is written."""

    dataset: str
    published: Published
    seed: int = 0
    dtype: str = "<f8"
    rank_six: np.ndarray | None = None
    arrays: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        stimuli, voxels = self.published.stimuli, self.published.voxels
        signal = self.rank_six
        if signal is None:
            signal = random.standard_normal((stimuli, 6)) @ random.standard_normal((6, voxels))
        responses = np.empty((stimuli, voxels, 3), self.dtype)
        # relative to each voxel: published components are of the order of 0.001
        scale = NOISE * signal.std(axis=0)
        for session in range(3):
            noise = random.standard_normal((stimuli, voxels), dtype=np.float32)
            responses[..., session] = signal + noise * scale
        sessions = np.full(voxels, 2)
        kept = np.sort(random.permutation(voxels)[: self.published.kept])
        sessions[kept] = 3
        responses[:, sessions == 2, 2] = np.nan
        # people have numbers with gaps: two came twice only
        subjects = np.full(voxels, 3)
        subjects[kept] = 4 + np.sort(np.arange(len(kept)) % self.published.subjects) * 2
        self.arrays = {RESPONSES: responses, "kept": kept}
        places = random.integers(0, 90, (2, voxels))
        identity = np.arange(voxels) + (100 if self.dataset == "NH2015" else 0)
        rows = {"voxel_id": identity, "subj_idx": subjects, "x_ras": places[0], "y_ras": places[1]}
        self._describe(rows, places, sessions, random)
        self.arrays[self.published.sounds] = self._sounds()

    def _describe(
        self,
        rows: dict[str, Any],
        places: np.ndarray,
        sessions: np.ndarray,
        random: np.random.Generator,
    ) -> None:
        hemispheres = np.where(random.random(self.published.voxels) < 0.5, "lh", "rh")
        if self.dataset == "NH2015":
            types = [(name, "<i8") for name in rows] + [("n_reps", "<i8"), ("hemi", "S2")]
            records = np.empty(self.published.voxels, types)
            for name, values in {**rows, "n_reps": sessions, "hemi": hemispheres}.items():
                records[name] = values
        else:
            records = np.empty(self.published.voxels, [("voxel_id", "<i8")])
            records["voxel_id"] = rows["voxel_id"]
        self.arrays[VOXELS] = records
        kept = self.arrays["kept"]
        regions = np.array([*REGIONS, np.nan], dtype=object)
        self.arrays[TABLE] = old_table(
            {
                "subj_idx": rows["subj_idx"][kept].astype(np.uint8),
                "hemi": hemispheres[kept].tolist(),
                "x_ras": rows["x_ras"][kept],
                "y_ras": rows["y_ras"][kept],
                "voxel_id": rows["voxel_id"][kept],
                "pearson_r_reliability": random.random(len(kept)),
                "coord_id": [f"{x}_{y}" for x, y in zip(*places[:, kept], strict=True)],
                "shared_by": np.ones(len(kept)),
                "roi_label_general": regions[random.integers(0, 5, len(kept))],
            }
        )

    def _sounds(self) -> Any:
        if self.dataset == "NH2015":
            records = np.empty(165, [("filename", "S60"), ("id", "<i8")])
            records["filename"] = [f"{name}.wav".encode() for name in NAMES]
            records["id"] = np.arange(165)
            return records
        extra = [f"music{number}" for number in range(self.published.stimuli - 165)]
        cells = np.array([*NAMES, *extra], dtype=object)[:, None]
        fields = {
            "category_labels": np.array([["Music"], ["Song"]], dtype=object),
            "category_assignments": np.ones((len(cells), 1), np.uint8),
            "continuous_scores": np.zeros((len(cells), 2)),
            "ids": np.arange(len(cells), dtype=np.uint16)[:, None],
            "category_regressors": np.ones((len(cells), 2), np.uint8),
            "colors": np.zeros((2, 3)),
            "plotting_order": np.array([[1, 2]], np.uint8),
            "stim_names": cells,
        }
        return {"stim_info": fields}

    def write(self, parent: Path) -> Path:
        """Write ``data/neural/<data set>/`` below a folder; return ``data``."""
        folder = parent / "data" / "neural" / self.dataset
        folder.mkdir(parents=True)
        for name in self.published.files:
            content = self.arrays.get(name)
            if name.endswith(".npy") and content is not None:
                np.save(folder / name, content)
            elif name.endswith(".pkl") and content is not None:
                content.to_pickle(folder / name)
            elif content is not None:
                scipy.io.savemat(folder / name, content)
        return parent / "data"

    def read(self, data: Path) -> Any:
        """Read what `write` wrote, with the reader of this data set."""
        reader = {"NH2015": read_nh2015, "B2021": read_b2021}[self.dataset]
        return reader(data / "neural" / self.dataset, self.published)


def pack(archive: Path, data: Path) -> Path:
    """Pack a folder ``data`` as the published archive does."""
    with tarfile.open(archive, "w") as tar:
        tar.add(data, "data")
    return archive


def full_archive(parent: Path) -> Path:
    """Write an archive of both data sets in their published sizes below a folder."""
    responses, weights = _components()
    Maker("NH2015", NH2015, rank_six=responses[:165] @ weights).write(parent)
    again = np.arange(B2021.voxels) % weights.shape[1]
    data = Maker("B2021", B2021, rank_six=responses @ weights[:, again]).write(parent)
    return pack(parent / "data.tar", data)


def _components() -> tuple[np.ndarray, np.ndarray]:
    """Return responses (192, 6), the last 27 drawn from the others, and weights (6, 11065)."""
    random = np.random.default_rng(0)
    more = random.standard_normal((192, 6))
    file = Path(os.environ.get("BRAINBENCH_DATA", "")) / "natsound165" / "components.mat"
    if not file.is_file():
        return more, random.standard_normal((6, NH2015.voxels))
    content = scipy.io.loadmat(file)
    position = {str(cell.item()): row for row, cell in enumerate(content["stim_names"].ravel())}
    more[:165] = content["R"][[position[name] for name in NAMES]]
    more[165:] = more[random.integers(0, 165, 27)]  # of the same size as the rest
    return more, content["W"]
