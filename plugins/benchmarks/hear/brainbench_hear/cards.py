"""Cards of tasks in HEAR format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brainbench_audio.cards import DatasetCard

TURIAN_2022 = """\
@inproceedings{Turian2022,
  title = {{HEAR}: Holistic Evaluation of Audio Representations},
  author = {Turian, Joseph and Shier, Jordie and Khan, Humair Raj and Raj, Bhiksha and
            Schuller, Bj{\\"o}rn W. and Steinmetz, Christian J. and Malloy, Colin and
            Tzanetakis, George and Velarde, Gissel and McNally, Kirk and Henry, Max and
            Pinto, Nicolas and Noufi, Camille and Clough, Christian and Herremans, Dorien and
            Fonseca, Eduardo and Engel, Jesse and Salamon, Justin and Esling, Philippe and
            Manocha, Pranay and Watanabe, Shinji and Jin, Zeyu and Bisk, Yonatan},
  booktitle = {Proceedings of the NeurIPS 2021 Competitions and Demonstrations Track},
  series = {Proceedings of Machine Learning Research},
  volume = {176},
  pages = {125--145},
  year = {2022}
}"""

RECORD = "https://zenodo.org/records/6332517"
_DATA = "brainbench_hear.dataset:ListeningTasks"


@dataclass(frozen=True)
class Published:
    """One published task.

    Attributes
    ----------
    folder : str
        ``<task_name>-<version>-<mode>``, as the archive unpacks it.
    clips : int
        Sounds in all splits.
    """

    folder: str
    clips: int

    @property
    def task_name(self) -> str:
        """What the task calls itself."""
        return self.folder.partition("-")[0]

    @property
    def mode(self) -> str:
        """Which of several sizes of the task this is."""
        return self.folder.rpartition("-")[2]

    @property
    def versions(self) -> str:
        """Pattern of its folders in any version; another size would be another benchmark."""
        return f"{self.task_name}-*-{self.mode}"

    @property
    def url(self) -> str:
        """Of the archive, at 48 kHz."""
        return f"{RECORD}/files/hear2021-{self.folder}-48000.tar.gz"


TASKS = {
    "nsynth_pitch": Published("nsynth_pitch-v2.2.3-50h", 49_060),
    "gtzan": Published("tfds_gtzan-1.0.0-full", 1_000),
    "speech_commands": Published("speech_commands-v0.0.2-full", 100_503),
    "crema_d": Published("tfds_crema_d-1.0.0-full", 7_438),
    "fsd50k": Published("fsd50k-v1.0-full", 51_185),
    "esc50": Published("esc50-v2.0.0-full", 2_000),
}

CARD = DatasetCard(
    id="HEAR",
    subsets=tuple(TASKS),
    provides=frozenset(),
    subset_provides=frozenset({"task"}),
    stimuli=sum(task.clips for task in TASKS.values()),
    subset_stimuli={subset: task.clips for subset, task in TASKS.items()},
    description="listening tasks of HEAR: pitch, genre, spoken words, emotion, sound events",
    licence="that of each task's recordings, several Creative Commons licences; see the source",
    citation=TURIAN_2022,
    source=RECORD,
    size="70 GB, all six tasks together",
    packages=("brainbench_hear",),
    data=_DATA,
)


def task_card(
    identifier: str,
    source: str,
    *,
    stimuli: int,
    packages: Sequence[str] = (),
    description: str = "",
    licence: str = "not stated",
    citation: str = TURIAN_2022,
    size: str = "size not known",
) -> DatasetCard:
    """Return the card of a task in HEAR format, for a plugin of one's own.

    Parameters
    ----------
    identifier : str
        Of the data set, letters and digits; ``"Birds"`` gives the benchmark ``Birds-probe``.
    source : str
        A folder, or the ``https://…tar.gz`` of an archive that holds one.
    stimuli : int
        Clips in all splits.
    packages : sequence of str
        The plugin's own import package.
    description, licence, citation, size : str
        As on any `DatasetCard`.

    Examples
    --------
    >>> task_card("Birds", "https://example.org/birds-v1.tar.gz", stimuli=300).provided(None)
    frozenset({'task'})
    """
    remote = source.startswith(("https://", "http://"))
    return DatasetCard(
        id=identifier,
        provides=frozenset({"task"}),
        stimuli=stimuli,
        description=description or f"the listening task {identifier}, in HEAR format",
        licence=licence,
        citation=citation,
        source=source,
        size=size if remote else "nothing to download",
        packages=("brainbench_hear", *packages),
        data=_DATA,
        downloaded=remote,
    )
