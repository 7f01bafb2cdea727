"""Cards: the light descriptions a plugin hands over first.

A card is plain data. Making one imports nothing; its ``loader`` names the function, as
``"module:function"``, that is imported when somebody loads the thing; a data set's ``data`` names
a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

from brainbench_audio.errors import PluginLoadError

CONTROLS = ("untrained", "permuted")
# Hz, of sounds and models; resampling from or to a forged rate would take for ever
RATES = (1000, 1_000_000)
# of a metric: features equal to the targets score 1, random features about 0, and the score stays
# when stimuli change places, features or responses get another unit, or features are rotated
PROPERTIES = ("identity", "noise", "permutation", "scale", "rotation")
_FORMER_FIELDS = {"downloader", "locator", "sizer", "folder_loader"}  # of a DatasetCard


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One published file of weights.

    Attributes
    ----------
    url : str
        ``https://…`` or ``hf://owner/name/path@commit``. Without a commit the first download takes
        what the hub calls main, and its commit is used on this machine from then on.
    size : int
        Bytes, 0 if not known; a file that is larger by more than a quarter is refused.
    sha256 : str or None
        64 hex digits of the file at ``url``; None pins the hash of the first download, and scores
        say that the weights are unverified.
    folder : str
        Below ``weights`` in the data home, where the file goes; empty: the model's id. Models that
        are published in one archive share one.
    member : str
        Path of this model's file in the archive at ``url``; empty: ``url`` is the file itself.
    installed : str
        ``"distribution:path"``: pip installs the same file with that distribution, so it is looked
        for there first.
    by_hand : str
        What a person has to do to get the file, as an order, where nothing can be fetched; empty:
        it is fetched from ``url``.
    hosts : tuple of str
        That ``url`` sends on to, ``*.example.org`` for all below one; those of GitHub, the Hugging
        Face hub and OSF are known.
    mirrors : tuple of str
        ``https://…`` addresses of the same file, tried in order where ``url`` fails.
    """

    url: str
    size: int = 0
    sha256: str | None = None
    folder: str = ""
    member: str = ""
    installed: str = ""
    by_hand: str = ""
    hosts: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known about a model before it is loaded.

    Attributes
    ----------
    id : str
        Lower case, ``family-variant``; or a scheme, ``hf:*``: the plugin loads every id that starts
        with ``hf:``, and layers, dims, parameters and sample rate are empty until then.
    family, label : str
        Family of models; the name on plots.
    parameters : int
        Number of weights, 0 for a fixed transform.
    layers : tuple of str
        Names in the order in which sound passes through them.
    dims : tuple of int
        Features of each layer.
    sample_rate : int
        Hz of the waveforms the model takes.
    licence, citation, training_data, source : str
        Of the published model; ``citation`` is BibTeX, ``source`` a URL.
    weights : tuple of WeightsFile
        Empty for a model without weights.
    packages : tuple of str
        Import packages whose source decides the activations; hashed into the cache key.
    loader : str
        ``"module:attribute"``, a function or a `brainbench_audio.activations.family.Family`;
        called as ``loader(card, **options)``, it returns a `Model`.
    shortest : int
        Samples of the shortest sound that the model tells from another of its length, as follows
        from its windows and strides. `TorchModel` refuses shorter ones. 1: any sound will do.
    """

    id: str
    family: str
    label: str
    parameters: int
    layers: tuple[str, ...]
    dims: tuple[int, ...]
    sample_rate: int
    licence: str
    citation: str
    training_data: str
    source: str
    packages: tuple[str, ...]
    loader: str
    weights: tuple[WeightsFile, ...] = ()
    shortest: int = 1

    @property
    def scheme(self) -> str | None:
        """Prefix of the ids that this card serves, e.g. ``hf:``; None for a card of one model."""
        return self.id[:-1] if self.id.endswith(":*") else None


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What is known about a data set (brain responses or a listening task) before it is loaded.

    Attributes
    ----------
    id : str
        First part of the benchmark ids, e.g. ``"NH2015comp"``.
    subsets : tuple of str
        Names that may follow the id after a dot.
    provides : frozenset of str
        What a metric can count on: ``responses`` (one or more brain targets), ``multivariate``
        (at least two), ``sessions`` (repeated measurements), ``subjects``, ``task`` (labels);
        ``continuous`` in place of ``responses``: volumes in time, measured while runs of minutes
        were heard; ``words``: how many begin in each volume. Empty where only the subsets can be
        scored.
    subset_provides : frozenset of str, or mapping of str to frozenset, or None
        The same for each subset, where it differs: one for all, or for those that are named.
    stimuli : int
        Number of stimuli; of continuous sound, that of runs.
    subset_stimuli : mapping of str to int
        The same for each subset, where it differs.
    description, licence, citation, source, size : str
        Of the data; ``size`` is that of the download, in words.
    packages : tuple of str
        Import packages whose source decides the data.
    data : str
        ``"module:Class"``, a `DataSource` that is made without arguments when data are asked for.
        Empty on the card of a data set that is put together by hand.
    downloaded : bool
        Whether there is something to download; False for data that lie in the plugin's package, or
        are made by it.
    checksum : str or None
        SHA-256 over stimuli and responses of the whole data set, as `brainbench check` computes it;
        None for data that their source checks.
    acoustic : bool
        Whether responses are expected to follow loudness or spectrum of the sounds to some extent,
        which `brainbench check` then tests; it finds rows that are out of order.
    """

    id: str
    provides: frozenset[str]
    stimuli: int
    description: str
    licence: str
    citation: str
    source: str
    size: str
    packages: tuple[str, ...]
    data: str = ""
    subsets: tuple[str, ...] = ()
    subset_provides: frozenset[str] | Mapping[str, frozenset[str]] | None = None
    downloaded: bool = True
    checksum: str | None = None
    acoustic: bool = True
    subset_stimuli: Mapping[str, int] = field(default_factory=dict)
    # a former field, which cards of data sets that are put together by hand leave empty
    loader: InitVar[str] = ""

    def __new__(cls, **fields: Any) -> DatasetCard:
        """Make a card; one written for an earlier version is told what to write now."""
        former = sorted(fields.keys() & _FORMER_FIELDS)
        if former or fields.get("loader"):
            former = ["loader", *former] if fields.get("loader") else former
            raise PluginLoadError(
                f'DatasetCard has no {", ".join(former)} any more: write `data="module:Class"`, '
                f"a DataSource with these functions as methods, see brainbench_audio/interfaces.py."
            )
        return super().__new__(cls)

    def __post_init__(self, loader: str) -> None:
        """Take nothing from the former field."""

    def counted(self, subset: str | None) -> int:
        """Return the number of stimuli of the whole (``subset=None``) or a subset."""
        return self.subset_stimuli.get(subset, self.stimuli) if subset else self.stimuli

    def provided(self, subset: str | None) -> frozenset[str]:
        """Return what the whole (``subset=None``) or a subset provides."""
        if subset is None or self.subset_provides is None:
            return self.provides
        if isinstance(self.subset_provides, Mapping):
            return self.subset_provides.get(subset, self.provides)
        return self.subset_provides


@dataclass(frozen=True, kw_only=True)
class MetricCard:
    """What is known about a metric before it is loaded.

    Attributes
    ----------
    id : str
        Second part of the benchmark ids, e.g. ``"ridge"``.
    variants : tuple of str
        Names that may follow the id after a hyphen.
    requires : mapping of (str or None) to frozenset of str
        What the data must provide, for each variant; the key None is the plain metric and counts
        for every variant that is not named.
    unit : str
        What the value is, e.g. ``"R²"``.
    variant_units : mapping of str to str
        The same for each variant, where they differ.
    largest : float or None
        What no value exceeds, whatever its sign; None: not known.
    variant_largest : mapping of str to (float or None)
        The same for each variant, where they differ.
    description, licence, citation : str
        ``citation`` is BibTeX.
    packages : tuple of str
        Import packages whose source decides the score; hashed into the cache key.
    loader : str
        ``"module:function"``, called as ``function(card, variant, **options)``, returns a `Metric`.
    given : frozenset of (str or None)
        Variants that compare a model with another one, which the benchmark's id names behind ``=``:
        the metric is called with the layers of that one as ``given``. None: the plain metric.
    second : frozenset of str
        Of its variants ``"from"``, or nothing: it takes something over from a second data set,
        which the benchmark's id names behind ``-from=``. The metric is called with an
        `interfaces.SecondData` as ``second``.
    properties : frozenset of str
        Those of `PROPERTIES` that the metric has; `brainbench check` holds it to them.
    variant_properties : mapping of str to frozenset of str
        The same for each variant, where they differ.
    reference : str or None
        ``"module:function"``, a plain implementation, called as
        ``function(layers, target, folds)``, that returns the same value. If it takes ``variant``,
        variants are held to it, too.
    check_options : mapping
        Options under which the metric is quick enough to be checked.
    revision : int or None
        Part of the key of scores instead of the hash of ``packages``: raised by hand whenever
        scores change. None, the safe choice: the source is hashed, so any edit computes anew.
    neutral : frozenset of str
        Options of the loader that change a score by rounding at most, besides ``max_memory``: they
        are no part of its key.
    memory : str or None
        ``"module:function"``, called as ``function(rows, columns, features, step, **options)`` with
        the size of the responses, the features of the largest layer, the seconds between rows
        (None: rows are sounds) and options of the benchmark; returns about how many bytes the
        metric takes besides the two. None: as for a metric that holds all of them in float64.
    stores : frozenset of str
        Names of `scores.profiles.SCHEMA` that ``raw`` of every score has, whatever the variant and
        the data.
    """

    id: str
    description: str
    unit: str
    licence: str
    citation: str
    packages: tuple[str, ...]
    loader: str
    variants: tuple[str, ...] = ()
    requires: Mapping[str | None, frozenset[str]] = field(
        default_factory=lambda: {None: frozenset({"responses"})}
    )
    variant_units: Mapping[str, str] = field(default_factory=dict)
    largest: float | None = None
    variant_largest: Mapping[str, float | None] = field(default_factory=dict)
    given: frozenset[str | None] = frozenset()
    second: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    variant_properties: Mapping[str, frozenset[str]] = field(default_factory=dict)
    reference: str | None = None
    check_options: Mapping[str, Any] = field(default_factory=dict)
    revision: int | None = None
    neutral: frozenset[str] = frozenset()
    memory: str | None = None
    stores: frozenset[str] = frozenset()

    def required(self, variant: str | None) -> frozenset[str]:
        """Return what the data must provide for this variant."""
        return self.requires.get(variant, self.requires[None])

    def unit_of(self, variant: str | None) -> str:
        """Return what the value of this variant is."""
        return self.variant_units.get(variant, self.unit) if variant else self.unit

    def largest_of(self, variant: str | None) -> float | None:
        """Return what no value of this variant exceeds; None: not known."""
        return self.variant_largest.get(variant, self.largest) if variant else self.largest

    def promised(self, variant: str | None) -> frozenset[str]:
        """Return the properties of this variant."""
        return self.variant_properties.get(variant, self.properties) if variant else self.properties


@dataclass(frozen=True, kw_only=True)
class BenchmarkCard:
    """A data set (or a subset) with a metric (or a variant): one benchmark.

    Made by the registry from the cards of the two; nothing hands it over. ``given`` is the model
    that others are compared with, see `MetricCard.given`; None where nobody has named it yet.
    ``second`` is the data set that something is taken over from, see `MetricCard.second`.
    ``categories`` are those of the sounds that count; none: all sounds.
    """

    dataset: DatasetCard
    subset: str | None
    metric: MetricCard
    variant: str | None
    given: str | None = None
    second: str | None = None
    categories: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """As `BenchmarkId` takes it apart."""
        some = f"[{','.join(self.categories)}]" if self.categories else ""
        named = self.given or self.second
        return f"{self.data_id}{some}-{self.metric_id}{f'={named}' if named else ''}"

    @property
    def takes_given(self) -> bool:
        """Whether the metric compares a model with a given one."""
        return self.variant in self.metric.given

    @property
    def unit(self) -> str:
        """What the value is, e.g. ``"R²"``."""
        return self.metric.unit_of(self.variant)

    @property
    def largest(self) -> float | None:
        """What no value exceeds, whatever its sign; None: not known."""
        return self.metric.largest_of(self.variant)

    @property
    def takes_second(self) -> bool:
        """Whether the metric takes something over from a second data set."""
        return self.variant in self.metric.second

    @property
    def data_id(self) -> str:
        """``dataset[.subset]``."""
        return f"{self.dataset.id}.{self.subset}" if self.subset else self.dataset.id

    @property
    def metric_id(self) -> str:
        """``metric[-variant]``."""
        return f"{self.metric.id}-{self.variant}" if self.variant else self.metric.id
