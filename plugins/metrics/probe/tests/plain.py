"""The same training by PyTorch's own modules, one setting after the other."""

from __future__ import annotations

import numpy as np
import torch
from brainbench_probe.embeddings import Embeddings
from brainbench_probe.network import initial_parameters
from brainbench_probe.randomness import DropoutMasks, Minibatches, weights_generator
from brainbench_probe.settings import Protocol, Setting
from brainbench_probe.task import Split, Task


class Masked(torch.nn.Module):
    """Dropout by a mask that is set from outside."""

    mask: torch.Tensor

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * self.mask.T if self.training else values


class Plain(torch.nn.Module):
    def __init__(self, start: dict[str, torch.Tensor], depth: int, after: bool) -> None:
        super().__init__()
        self.mix = torch.nn.Parameter(start["mix"].clone())
        parts: list[torch.nn.Module] = []
        self.masks: list[Masked] = []
        for k in range(1, depth + 1):
            units, width = start[f"weight{k}"].shape
            linear, norm = torch.nn.Linear(width, units), torch.nn.BatchNorm1d(units)
            linear.weight.data.copy_(start[f"weight{k}"])
            linear.bias.data.copy_(start[f"bias{k}"])
            self.masks.append(Masked())
            rest = [self.masks[-1], torch.nn.ReLU()]
            parts += [linear, *rest, norm] if after else [linear, norm, *rest]
        last = torch.nn.Linear(start["out"].shape[1], start["out"].shape[0])
        last.weight.data.copy_(start["out"])
        last.bias.data.copy_(start["out_bias"])
        self.rest = torch.nn.Sequential(*parts, last)

    def forward(self, embedded: torch.Tensor) -> torch.Tensor:
        size = self.mix.abs()
        weights = size / size.sum()
        found: torch.Tensor = self.rest((embedded * weights[:, None, None]).sum(dim=0))
        return found


def clips_of(embeddings: Embeddings, rows: torch.Tensor) -> torch.Tensor:
    """Return some clips (layer, clip, feature), as they were before they were scaled."""
    out = torch.empty(embeddings.layers, len(rows), embeddings.features)
    return embeddings.batch(rows, out) * embeddings.scale[:, None, None]


def plain_training(
    embeddings: Embeddings,
    task: Task,
    split: Split,
    protocol: Protocol,
    place: int,
    setting: Setting,
    fold: int = 0,
) -> tuple[list[float], list[float], Plain]:
    """Train one setting for all epochs: validation scores, training losses, last state."""
    start = initial_parameters(
        setting,
        protocol,
        layers=embeddings.layers,
        features=embeddings.features,
        labels=len(task.names),
        generator=weights_generator(0, fold, place),
    )
    model = Plain(start, setting.hidden_layers, protocol.norm_after_activation)
    optimiser = torch.optim.Adam(model.parameters(), lr=setting.learning_rate)
    rows = torch.from_numpy(split.train)
    batches = Minibatches(rows, protocol.batch_size, 0, fold)
    masks = DropoutMasks(2, protocol.dropout, seed=0, fold=fold)
    loss_of = torch.nn.BCEWithLogitsLoss() if task.multilabel else torch.nn.CrossEntropyLoss()
    targets = task.targets("cpu")
    scores, losses = [], []
    for _ in range(protocol.max_epochs):
        model.train()
        total = 0.0
        for batch in batches.epoch():
            drawn = masks.draw(torch.empty(2, protocol.hidden_units, len(batch)))
            for module, mask in zip(model.masks, drawn, strict=False):
                module.mask = mask
            optimiser.zero_grad()
            loss = loss_of(model(clips_of(embeddings, batch)), targets[batch])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        losses.append(total / len(rows))
        model.eval()
        with torch.no_grad():
            logits = model(clips_of(embeddings, torch.from_numpy(split.valid))).numpy()
        scores.append(task.predictions(split.valid, logits).score(task.metrics[0]))
    return scores, losses, model


def plain_parameters(model: Plain) -> dict[str, torch.Tensor]:
    """Return what a network has learned, by the names of `initial_parameters`."""
    *hidden, last = [
        part for part in model.rest if isinstance(part, torch.nn.Linear | torch.nn.BatchNorm1d)
    ]
    found = {"mix": model.mix, "out": last.weight, "out_bias": last.bias}
    for k, (linear, norm) in enumerate(zip(hidden[::2], hidden[1::2], strict=True), start=1):
        found |= {f"weight{k}": linear.weight, f"bias{k}": linear.bias}
        found |= {f"gain{k}": norm.weight, f"shift{k}": norm.bias}
        found |= {f"mean{k}": norm.running_mean, f"variance{k}": norm.running_var}
    return {name: value.detach() for name, value in found.items()}


def made_up(
    clips: int = 120, labels: int = 4, layers: int = 3, features: int = 12, multilabel: bool = False
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Layers of noise of which ``l1`` alone knows the labels, and labels (clip, label)."""
    generator = np.random.default_rng(0)
    if multilabel:
        known = (generator.random((clips, labels)) < 0.3).astype(np.uint8)
    else:
        known = np.eye(labels, dtype=np.uint8)[generator.permutation(np.arange(clips) % labels)]
    found = {
        f"l{number}": generator.standard_normal((clips, features)).astype(np.float32)
        for number in range(layers)
    }
    if layers > 1:
        found["l1"][:, :labels] += 3 * known
    return found, known
