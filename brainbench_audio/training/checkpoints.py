"""Models at the steps of one training; a checkpoint is read only if never scored before."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from brainbench_audio.activations.extraction import activations_folder, plan_extraction
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel
from brainbench_audio.activations.weights_files import fetch_weights, local_weights
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.files import locked
from brainbench_audio.hub import HubPath
from brainbench_audio.interfaces import Model
from brainbench_audio.pipeline.checkpoints import Checkpoint, list_checkpoints
from brainbench_audio.pipeline.identifying import known_identity, learned
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.loading_models import load_identified
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.stimuli.stimulus_set import StimulusSet

# the list comes from the pipeline; who takes a step of it may import both from here
__all__ = ["Checkpoint", "Step", "list_checkpoints"]


class Step:
    """A model at one step of its training, loaded when its activations are wanted.

    Parameters
    ----------
    identifier : str
        Of the model; ``@step=…`` is added.
    checkpoint : Checkpoint
    keep : bool
        Leave a downloaded file in its place when closed.
    options : mapping
        For `load_model`.

    Attributes
    ----------
    model : LazyModel

    Raises
    ------
    BrainbenchError
        See `load_model`, which is called if the checkpoint was never loaded before.
    """

    def __init__(
        self,
        identifier: str,
        checkpoint: Checkpoint,
        *,
        keep: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.keep = keep
        self._fetched: Path | None = None
        self._id = ModelId.parse(identifier).of_step(checkpoint.step)
        asked = {**(options or {}), "weights": checkpoint.location}
        self._asked = Loadable(str(self._id), asked)
        model = None
        identity = known_identity(self._asked, [checkpoint.content])
        if identity is None:
            model, identity = self._loaded()
        about = {name: getattr(checkpoint, name) for name in ("step", "location", "size")}
        about["content"] = checkpoint.content
        identity = replace(identity, provenance={**identity.provenance, "checkpoint": about})
        self.model = LazyModel(identity, self._loaded, model)

    @property
    def name(self) -> str:
        """Id of the model at this step."""
        return self.model.identity.id

    def drop_activations(self, stimuli: StimulusSet) -> None:
        """Remove the stored activations to some sounds, which the scores were made from."""
        plan = plan_extraction(self.model.identity, stimuli)
        if plan.fields:
            folder = activations_folder() / plan.key
            with locked(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Free the model, and remove the file if it was downloaded and is not to be kept."""
        self.model.release()
        self._remove()

    def _remove(self) -> None:
        if self._fetched is not None and not self.keep:
            self._fetched.unlink(missing_ok=True)
        self._fetched = None

    def _loaded(self) -> tuple[Model, Identity]:
        """Load the model, and keep what is to be known of it."""
        try:
            options = {**self._asked.options, "weights": self._file()}
            load = partial(load_identified, self._asked.id, options)
            return learned(self._asked, load, [self.checkpoint.content])
        except Exception:
            self._remove()
            raise

    def _file(self) -> Path:
        """Return the local file, downloaded if need be."""
        if not self.checkpoint.remote:
            return Path(self.checkpoint.location)
        if self._id.file is not None:
            raise DataError(
                f"{self._id.plain} has no plugin to keep downloads for: download "
                f"{self.checkpoint.location} yourself and give the folder."
            )
        card = find_model(self._id).card
        # steps of one training may lie in folders, under one name
        parents = PurePosixPath(HubPath.parse(self.checkpoint.location).path).parent.parts
        published = WeightsFile(
            url=self.checkpoint.location,
            size=self.checkpoint.size,
            sha256=self.checkpoint.sha256,
            folder=f"{card.id}/{'--'.join(('steps', *parents))}",
        )
        card = replace(card, weights=(published,))
        if found := local_weights(card):
            return found[0]  # not ours to remove
        self._fetched = fetch_weights(card)
        return self._fetched
