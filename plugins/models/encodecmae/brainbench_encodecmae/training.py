"""Pretraining on a folder of sounds: steps, checkpoints, a log, and going on after a kill."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from brainbench_audio.activations.precision import PRECISIONS, computing_in
from brainbench_audio.activations.weights import read_checkpoint
from brainbench_audio.devices import choose_device
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, locked
from brainbench_audio.progress import progress_bar
from brainbench_audio.temporaries import remove_leftovers
from brainbench_audio.tf32 import float32_products

from .checkpoints import save_checkpoint
from .configuration import Configuration
from .corpus import Crops, Sound, identity, make_batch, split
from .log import Log, LossLog
from .masking import TimeGapMask
from .network import EncodecMAE
from .objective import Batch, Loss, fitted_mask, loss, predict
from .reading import read_ahead
from .run import Schedule, Settings, check, claim
from .targets import Targets

Watch = Callable[[EncodecMAE, int], object]
"""Is given the network and the number of updates that it has had."""

BETAS = (0.9, 0.95)
EPSILON = 1e-8
WEIGHT_DECAY = 0.05
"""Of all parameters, biases, norms and scales too."""


def pretrain(
    run: Path,
    sounds: Sequence[Sound],
    configuration: Configuration,
    targets: Targets,
    *,
    settings: Settings,
    schedule: Schedule,
    resume: bool = False,
    device: str = "auto",
    watch: Watch | None = None,
) -> Path:
    """Pretrain a network and return the path of its last checkpoint.

    AdamW with a constant learning rate on `objective.loss`. The folder of the run gets
    ``settings.json``, ``losses.csv`` (before each update), ``held_out.csv`` (at each checkpoint),
    ``state.pt`` to go on from, and ``checkpoints/epoch=E-step=S.ckpt``. On the CPU a run that was
    killed and resumed gives the same weights as one that was not. Sounds are read ahead, see
    `reading.read_ahead`.

    Parameters
    ----------
    run : Path
        New or empty, unless ``resume``.
    sounds : sequence of Sound
    configuration : Configuration
        Its front end has nothing to learn: ``mel`` or ``spectrogram``.
    targets : Targets
    settings, schedule
        See there.
    resume : bool
        Go on from the last checkpoint.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    watch : callable, optional
        Called as ``watch(network, step)`` before the first update and after each, when a checkpoint
        that is due is written; an `AlignmentMonitor` can be asked there. A run that is resumed
        begins with the step it goes on from, as it may have ended while that was watched.

    Raises
    ------
    DataError
        The folder belongs to another run, there are too few sounds for a batch, or a loss or weight
        is not finite; checkpoints written before that stay.

    Notes
    -----
    Pepino, Riera and Ferrer (2023). Differences: float32 (or bfloat16) instead of float16; resuming
    goes on with optimizer, masks and crops, where the original starts them anew; held-out sounds
    are masked as those learned from, where the original lets all of them be heard.
    """
    check(sounds, configuration, settings, schedule)
    if targets.codebooks != configuration.codebooks:
        raise DataError(
            f"The targets have {targets.codebooks} codes a frame, the network predicts "
            f"{configuration.codebooks}."
        )
    described = {
        "configuration": asdict(configuration),
        "targets": targets.name,
        "settings": asdict(settings),
        "sounds": {"files": len(sounds), "hash": identity(sounds)},
    }
    with locked(run / "run", timeout=0):
        claim(run, described, resume=resume)
        remove_leftovers(run)  # of a kill while a checkpoint was written
        training = _Training(
            run, sounds, configuration, targets, settings=settings, device=choose_device(device)
        )
        return training.go_on(schedule, watch)


def make_optimizer(network: torch.nn.Module, learning_rate: float = 1e-4) -> torch.optim.AdamW:
    """Return the optimizer of the published training; it sees shared parameters once."""
    return torch.optim.AdamW(
        network.parameters(),
        lr=learning_rate,
        betas=BETAS,
        eps=EPSILON,
        weight_decay=WEIGHT_DECAY,
    )


class _Training:
    """A run between two steps: everything that the next one depends on."""

    def __init__(
        self,
        run: Path,
        sounds: Sequence[Sound],
        configuration: Configuration,
        targets: Targets,
        *,
        settings: Settings,
        device: torch.device,
    ) -> None:
        self.run, self.settings, self.device = run, settings, device
        self.configuration = configuration
        learned, self.held_out = split(sounds, settings.held_out, settings.seed)
        self.crops = Crops(learned, settings.seed, join=settings.join)
        self.targets = targets
        targets.to(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            network = EncodecMAE(configuration)
        # on the CPU, where the sounds are read; the network keeps its own, to be listened to
        self.front_end = copy.deepcopy(network.wav_encoder.encoder)
        self.network = network.to(device).train()
        self.optimizer = make_optimizer(self.network, settings.learning_rate)
        self.masks = TimeGapMask(settings.seed)
        self.step = 0
        self.saved = (run / "state.pt").is_file()
        if self.saved:
            self._restore()
        self.losses = LossLog(run / "losses.csv", targets.codebooks, self.step)
        # the row of the step that was saved last is complete
        self.held_out_losses = Log(
            run / "held_out.csv", ("step", "loss", "masked", "unmasked"), self.step + self.saved
        )

    def go_on(self, schedule: Schedule, watch: Watch | None) -> Path:
        """Make the steps that are left; return the path of the last checkpoint."""
        if not self.saved:
            self._save()
        if watch:
            watch(self.network, self.step)
        bar = progress_bar(schedule.steps, "pretraining", "step", initial=self.step)
        steps = range(self.step, schedule.steps)
        ahead = read_ahead(self.crops, self.settings.batch, steps, self.front_end, self.device)
        with bar, self.losses, ahead as batches:
            for batch in batches:
                found = self._update(batch)
                bar.set_postfix(loss=f"{found.total.item():.3f}", refresh=False)
                bar.update()
                if schedule.keeps(self.step):
                    self.losses.flush()
                    self._save()
                if watch:
                    watch(self.network, self.step)
        return self._checkpoint()

    @float32_products()
    def _update(self, batch: Batch) -> Loss:
        found = self._loss(batch, self.masks)
        if not math.isfinite(found.total.item()):
            raise DataError(
                f"The loss of step {self.step} is {found.total.item()}: pretraining has diverged "
                f"and was stopped. The checkpoints in {self.run / 'checkpoints'} stay; a lower "
                f"learning rate than {self.settings.learning_rate:g} in a new run may help."
            )
        self.optimizer.zero_grad()
        found.total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.losses.add(self.step, found)
        self.step += 1
        return found

    def _loss(self, batch: Batch, masks: TimeGapMask) -> Loss:
        drawn = masks(batch.lengths.tolist())
        mask = fitted_mask(drawn, batch.frames.shape[1]).to(self.device)
        placed = batch.to(self.device)
        with computing_in(self.device, PRECISIONS[self.settings.dtype]):
            logits = predict(self.network, placed, mask).logits
        return loss(logits.float(), self.targets(placed), mask)

    def _save(self) -> None:
        broken = [
            name
            for name, parameter in self.network.named_parameters()
            if not bool(parameter.isfinite().all())
        ]
        if broken:
            raise DataError(
                f"After step {self.step} the weights {broken[0]} are not finite: pretraining has "
                f"diverged and was stopped. The checkpoints in {self.run / 'checkpoints'} stay."
            )
        save_checkpoint(self._checkpoint(), self.network, self.configuration, self.step)
        self._evaluate()
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "masks": self.masks.random.getstate(),
        }
        with atomic_file(self.run / "state.pt") as temporary:
            torch.save(state, temporary)

    def _restore(self) -> None:
        state = read_checkpoint(self.run / "state.pt")
        self.network.load_state_dict(state["network"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        version, numbers, gauss = state["masks"]
        self.masks.random.setstate((version, tuple(numbers), gauss))
        self.step = int(state["step"])

    def _checkpoint(self) -> Path:
        epoch = self.step * self.settings.batch // len(self.crops)
        return self.run / "checkpoints" / f"epoch={epoch}-step={self.step}.ckpt"

    @float32_products()
    @torch.no_grad()
    def _evaluate(self) -> None:
        """Log the loss of held-out sounds, with the same crops and masks at every step."""
        if not self.held_out:
            return
        crops = Crops(self.held_out, self.settings.seed, join=self.settings.join)
        masks = TimeGapMask(self.settings.seed)
        count, size = len(crops), self.settings.batch
        sums = torch.zeros(3)
        for start in range(0, count, size):
            numbers = range(start, min(start + size, count))
            batch = make_batch([crops[number] for number in numbers], self.front_end)
            found = self._loss(batch, masks)
            parts = torch.stack([found.total, found.masked, found.unmasked]).cpu()
            sums += parts * len(numbers) / count
        with self.held_out_losses as log:
            log.write(self.step, sums.tolist())
