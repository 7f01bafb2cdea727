"""What has to be fetched before a pair can be scored; nothing is fetched to tell."""

from __future__ import annotations

from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.cards import BenchmarkCard, WeightsFile
from brainbench_audio.data_source import BaseSource
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import data_source, find_benchmark, find_model, second_of


def needed_data(benchmark: Loadable) -> str | None:
    """Return the data set of a benchmark and its size in words if its data are not here.

    So are data that their plugin has yet to make, which can take longer than to tell.
    """
    if "folder" in benchmark.options:
        return None
    found = find_benchmark(benchmark.id)
    second = second_of(found)
    lacking = [_lacking(one) for one in (found, second) if one is not None]
    return " and ".join(told for told in lacking if told) or None


def _lacking(found: BenchmarkCard) -> str | None:
    card = found.dataset
    try:
        source = data_source(card)
        if not card.downloaded and type(source).locate is BaseSource.locate:
            return None  # they lie in the plugin's package
        folder = source.locate(card, found.subset)
    except (BrainbenchError, OSError):  # whoever loads the data says what is wrong
        return None
    if folder is not None:
        return None
    return f"{card.id} ({card.size if card.downloaded else 'made on first use'})"


def needed_weights(model: Loadable) -> tuple[WeightsFile, ...]:
    """Return the published files of a plugin's model if they are not here.

    Those in one archive are one file.
    """
    wanted = ModelId.parse(model.id)
    if wanted.file is not None or wanted.scheme or wanted.control == "untrained":
        return ()
    if "weights" in model.options:
        return ()
    card = find_model(wanted).card
    try:
        if local_weights(card) is not None:
            return ()
    except (BrainbenchError, OSError):  # whoever loads them says what is wrong
        return ()
    return tuple({published.url: published for published in card.weights}.values())
