"""The one place where ids are taken apart: of models, and of benchmarks.

model      [distribution:]id[@control|@step=N|@project=N][#version]
           scheme:rest[@control|@project=N][#version]    such as hf:owner/name
           PATH.py:ClassName[@step=N|@project=N][#version]
benchmark  [distribution:]dataset[.subset]["["category,…"]"]-metric[-variant][=model]
           …-metric-from=[distribution:]dataset[.subset]["["category,…"]"]
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brainbench_audio.cards import CONTROLS, ModelCard
from brainbench_audio.errors import UnknownId
from brainbench_audio.names import as_on_disk, from_home, one_form

# the folders of a file may hold any of the signs
_FILE = re.compile(
    r"(?P<file>.+\.py):(?P<attribute>[^:/\\@#]*)(?P<behind>@[^#/\\]*)?(?P<version>#[^#/\\]*)?"
)
_STEP = re.compile(r"@step=([0-9]+)")
_PROJECT = re.compile(r"@project=([1-9][0-9]{0,8})")
_WILD = set("*?[")
# only in front of the first hyphen behind a distribution: elsewhere brackets are those of a glob
_CATEGORIES = re.compile(r"(?P<data>(?:[^[\]]*:)?[^-[\]]*)\[(?P<names>[^[\]]+)\](?P<measure>-.*|)")
# the variant behind whose = a second data set is named, and no model
FROM = "from"
# what `brainbench list` lists instead of things of a kind
_LISTED = {"data set": ("benchmarks",), "id": ("models", "benchmarks", "metrics")}


def _text(identifier: Any) -> str:
    if not isinstance(identifier, str):
        raise UnknownId(f"An id is a text, such as 'vggish', this one is {identifier!r}.")
    return identifier


@dataclass(frozen=True, kw_only=True)
class ModelId:
    """A model's id, taken apart.

    Attributes
    ----------
    name : str
        Id on the plugin's card, with its scheme (``hf:owner/name``) where there is one; of a model
        from a file, its class.
    distribution : str or None
        What stands before the colon, where it is no scheme.
    scheme : str or None
        Such as ``hf:``.
    file : Path or None
        As it was written.
    control : str or None
        ``untrained`` or ``permuted``.
    step : int or None
        Of a training.
    project : int or None
        Features of each layer of a control by random projections.
    version : str or None
        Behind ``#``: first hex digits of a version, or its tag.

    Examples
    --------
    >>> one = ModelId.parse("brainbench-beats:beats-iter1@permuted#1a2b3c4d")
    >>> one.distribution, one.name, one.control, one.version
    ('brainbench-beats', 'beats-iter1', 'permuted', '1a2b3c4d')
    >>> ModelId.parse("./my_model.py:MyCNN").file
    PosixPath('my_model.py')
    """

    name: str
    distribution: str | None = None
    scheme: str | None = None
    file: Path | None = None
    control: str | None = None
    step: int | None = None
    project: int | None = None
    version: str | None = None

    @classmethod
    def parse(cls, text: str, schemes: Iterable[str] | None = None) -> ModelId:
        """Take an id apart; nothing is looked up but which schemes plugins have.

        Parameters
        ----------
        text : str
        schemes : iterable of str, optional
            Such as ``hf:``; by default those of the installed plugins.

        Raises
        ------
        UnknownId
            Another word behind the ``@`` than a control, a projection or a step.
        """
        if found := _FILE.fullmatch(_text(text)):
            # as Python compares its names
            plain = cls(
                name=unicodedata.normalize("NFKC", found["attribute"]), file=Path(found["file"])
            )
            return _varied(plain, found["behind"] or "", found["version"] or "")
        before, mark, version = one_form(text).partition("#")
        known = installed_schemes() if schemes is None else schemes
        if (plain_of_scheme := _in_scheme(before, known)) is not None:
            return _varied(plain_of_scheme, "", mark + version)
        before, at, behind = before.partition("@")
        distribution, name = split_distribution(before)
        return _varied(cls(name=name, distribution=distribution), at + behind, mark + version)

    @property
    def attribute(self) -> str | None:
        """Class of a model from a file."""
        return None if self.file is None else self.name

    @property
    def variant(self) -> str:
        """What stands behind the name: ``@control``, ``@project=N``, ``@step=N`` or nothing."""
        if self.control:
            return f"@{self.control}"
        if self.project is not None:
            return f"@project={self.project}"
        return "" if self.step is None else f"@step={self.step}"

    @property
    def label(self) -> str:
        """Name and variant, without where the model comes from."""
        return f"{self.name}{self.variant}"

    @property
    def source(self) -> str:
        """File or distribution, as it was written; empty where neither was."""
        return str(self.file) if self.file is not None else self.distribution or ""

    @property
    def plain(self) -> ModelId:
        """The same without control, projection, step and version."""
        return replace(self, control=None, project=None, step=None, version=None)

    def absolute(self) -> ModelId:
        """Return the same with the whole path of its file, for other folders and processes."""
        if self.file is None:
            return self
        return replace(self, file=as_on_disk(from_home(self.file)).resolve())

    def of_step(self, step: int) -> ModelId:
        """Return a step of the model's training."""
        return replace(self, control=None, project=None, step=step)

    def __str__(self) -> str:
        place = f"{self.source}:" if self.source else ""
        return f"{place}{self.label}{'#' + self.version if self.version else ''}"


@dataclass(frozen=True, kw_only=True)
class BenchmarkId:
    """A benchmark's id, taken apart.

    Examples
    --------
    >>> one = BenchmarkId.parse("NH2015.primary-rsa-cv")
    >>> one.dataset, one.subset, one.metric, one.variant
    ('NH2015', 'primary', 'rsa', 'cv')
    >>> one.data, one.measure
    ('NH2015.primary', 'rsa-cv')
    >>> BenchmarkId.parse("NH2015comp-ridge-unique=hf:owner/name").given
    'hf:owner/name'
    >>> BenchmarkId.parse("NH2015[speech,music]-rsa").categories
    ('speech', 'music')
    >>> BenchmarkId.parse("B2021-ridge-from=NH2015.primary").second
    'NH2015.primary'
    """

    dataset: str
    metric: str
    subset: str | None = None
    variant: str | None = None
    given: str | None = None
    second: str | None = None
    categories: tuple[str, ...] = ()
    distribution: str | None = None

    @classmethod
    def parse(cls, text: str) -> BenchmarkId:
        """Take an id apart; nothing is looked up. What is lacking is an empty string.

        ``given`` is the model that others are compared with, see `MetricCard.given`; its id may
        have any sign. ``second`` is the data set that something is taken over from, see
        `MetricCard.second`. ``categories`` are those of sounds that count; none: all sounds.
        """
        before, _, named = _text(text).partition("=")
        categories: tuple[str, ...] = ()
        if found := _CATEGORIES.fullmatch(before):
            categories = tuple(found["names"].split(","))
            before = found["data"] + found["measure"]
        distribution, _, plain = before.rpartition(":")
        data, _, measure = plain.partition("-")
        dataset, subset = split_data(data)
        metric, variant = split_metric(measure)
        return cls(
            dataset=dataset,
            subset=subset,
            metric=metric,
            variant=variant,
            given=(named or None) if variant != FROM else None,
            second=(named or None) if variant == FROM else None,
            categories=categories,
            distribution=distribution or None,
        )

    @property
    def data(self) -> str:
        """``dataset[.subset]``."""
        return f"{self.dataset}.{self.subset}" if self.subset else self.dataset

    @property
    def measure(self) -> str:
        """``metric[-variant]``."""
        return f"{self.metric}-{self.variant}" if self.variant else self.metric

    def absolute(self) -> BenchmarkId:
        """Return the same with the whole path of the file of the model that it names, if any."""
        if self.given is None or not _FILE.fullmatch(self.given):
            return self
        return replace(self, given=str(ModelId.parse(self.given).absolute()))

    def of(self, subset: str | None) -> BenchmarkId:
        """Return the same benchmark on a subset, or on the whole (None)."""
        return replace(self, subset=subset)

    def __str__(self) -> str:
        place = f"{self.distribution}:" if self.distribution else ""
        named = self.given or self.second
        behind = f"={named}" if named else ""
        some = f"[{','.join(self.categories)}]" if self.categories else ""
        return f"{place}{self.data}{some}{'-' if self.metric else ''}{self.measure}{behind}"


def split_data(text: str) -> tuple[str, str | None]:
    """Return data set and subset of ``dataset[.subset]``."""
    dataset, _, subset = text.partition(".")
    return dataset, subset or None


def split_metric(text: str) -> tuple[str, str | None]:
    """Return metric and variant of ``metric[-variant]``."""
    metric, _, variant = text.partition("-")
    return metric, variant or None


def without_version(text: str) -> str:
    """Return an id without ``#`` and the version or tag behind it.

    Examples
    --------
    >>> without_version("run#7/m.py:Net#1a2b3c4d"), without_version("run#7/m.py:Net")
    ('run#7/m.py:Net', 'run#7/m.py:Net')
    """
    before, _, version = text.rpartition("#")
    # those signs stand behind the # of a folder only
    return text if not before or set("/:\\") & set(version) else before


def split_family(text: str) -> tuple[str, str]:
    """Return family and variant of a model's id, as those of the paper are called."""
    family, _, variant = text.partition("-")
    return family, variant


def split_distribution(text: str) -> tuple[str | None, str]:
    """Return distribution and id of ``[distribution:]id``."""
    distribution, _, plain = text.rpartition(":")
    return distribution or None, plain


def is_pattern(text: str) -> bool:
    """Return whether an id holds one of the signs ``* ? [`` of a glob."""
    return bool(_WILD & set(text))


def installed_schemes() -> list[str]:
    """Return the schemes of the installed plugins, such as ``hf:``."""
    from brainbench_audio.registry.discovery import plugins

    return [
        card.scheme
        for plugin in plugins()
        for card in plugin.cards
        if isinstance(card, ModelCard) and card.scheme
    ]


def unknown(identifier: str, kind: str, known: Sequence[str]) -> UnknownId:
    """Return the error for an id that nothing provides, with the nearest known ones."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(identifier.lower(), lower, n=3, cutoff=0.6)
    if kind in ("model", "id") and identifier.endswith(".py"):
        hint = f"A model of your own is named with its class: {identifier}:ClassName."
    elif near:
        hint = f"Did you mean {' or '.join(lower[name] for name in near)}?"
    elif kind == "family":
        hint = f"There are {', '.join(known)}."
    elif known:
        kinds = _LISTED.get(kind, (f"{kind}s",))
        commands = [f"`brainbench list {one}`" for one in kinds]
        told = ", ".join(commands[:-1])
        hint = f"{told} and {commands[-1]} show them." if told else f"{commands[0]} shows them."
    else:
        hint = "No plugin provides any: install one, or see `brainbench doctor`."
    return UnknownId(f"There is no {kind} {identifier!r}. {hint}")


def _in_scheme(text: str, schemes: Iterable[str]) -> ModelId | None:
    """Return the id of a scheme; None if it is of none."""
    for scheme in schemes:
        start, separator, rest = text.partition(scheme)
        if not separator or not rest or (start and not start.endswith(":")):
            continue
        # another word behind the last @ than a control is a revision, and part of the name
        named, at, control = rest.rpartition("@")
        if control not in CONTROLS and not _PROJECT.fullmatch(at + control):
            named, at, control = rest, "", ""
        plain = ModelId(name=scheme + named, scheme=scheme, distribution=start[:-1] or None)
        return _varied(plain, at + control, "")
    return None


def _varied(plain: ModelId, behind: str, version: str) -> ModelId:
    """Return an id with what stands behind its ``@`` and its ``#``, both with their sign."""
    if version == "#":
        raise UnknownId(f"{plain}# lacks a version: give one, such as {plain}#1a2b3c4d.")
    made = replace(plain, version=version[1:] or plain.version)
    if step := _STEP.fullmatch(behind):
        return replace(made, step=int(step[1]))
    if projection := _PROJECT.fullmatch(behind):
        return replace(made, project=int(projection[1]))
    if behind and behind[1:] not in CONTROLS:
        raise unknown(
            f"{plain}{behind}", "model", [f"{plain}@{one}" for one in (*CONTROLS, "project=100")]
        )
    return replace(made, control=behind[1:] or plain.control)
