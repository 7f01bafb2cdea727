"""Time the probe's training beside a plain PyTorch loop, Lightning and its bare matrix products.

    python speed/probe.py [--clips 4000] [--layers 13] [--features 768] [--epochs 2] [--repeats 3]
                          [--device cpu] [--quick] [--json]

All sides train the 16 settings for some epochs on the same made-up embeddings in half precision and
validate after each: ours all settings together, the others one after the other. One run times all
sides in turns, so that a busy machine slows all alike. The loop draws minibatches from memory;
the Lightning side does it as the released code of the paper does, by a DataLoader with 4 workers.
On a GPU the loop has all embeddings in the GPU's memory from the start; ours has to bring them.
Besides, one setting is trained in four of five folds of the same clips, together and apart.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import torch
from brainbench_probe.batches import Fold
from brainbench_probe.embeddings import Embeddings
from brainbench_probe.settings import GRID, Protocol, Setting
from brainbench_probe.task import Split, Task, splits
from brainbench_probe.training import Trainer
from brainbench_probe.workers import Workers
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Tensor = torch.Tensor
UNITS, BATCH, DROPOUT, LOADERS, FOLDS = 1024, 1024, 0.1, 4, 5
# How many times as long as ours the others should take; of our bare products we may take 1.5 times.
GOALS = {"lightning": 3.0, "plain loop": 1.5, "bare products": 1 / 1.5}


class Problem:
    """Embeddings (clip, layer, feature) and labels; every fifth clip more is validated on."""

    def __init__(self, args: argparse.Namespace) -> None:
        generator = np.random.default_rng(0)
        self.train, self.labels = args.clips, args.labels
        clips = args.clips + args.clips // 5
        shape = (clips, args.layers, args.features)
        self.embeddings = torch.from_numpy(
            generator.standard_normal(shape, dtype=np.float32).astype(np.float16)
        )
        self.known = torch.from_numpy(generator.integers(args.labels, size=clips))
        self.epochs, self.device = args.epochs, args.device


@contextmanager
def filled(problem: Problem) -> Iterator[tuple[Trainer, Embeddings]]:
    """Give what trains, and the embeddings."""
    clips, layers, features = problem.embeddings.shape
    onehot, device = np.eye(problem.labels, dtype=np.float32)[problem.known], problem.device
    task = Task(onehot, [str(label) for label in range(problem.labels)], False, ("top1_acc",))
    with Embeddings(clips, layers, features, 1 << 62) as embeddings, Workers(device) as workers:
        for layer in range(layers):
            embeddings.fill(layer, str(layer), problem.embeddings[:, layer].numpy())
        protocol = Protocol(max_epochs=problem.epochs, patience=problem.epochs)
        settings = dict(enumerate(GRID))
        yield Trainer(task, settings, protocol, seed=0, workers=workers, device=device), embeddings


def ours(problem: Problem) -> None:
    held_out = np.arange(problem.train, len(problem.embeddings))
    split = Split("test", np.arange(problem.train), held_out, held_out)
    # filling the store counts: it takes the place of the others' data sets
    with filled(problem) as (trainer, embeddings):
        trainer.train([(Fold(0, split, embeddings), place) for place in range(len(GRID))])


def folds_apart(problem: Problem) -> float:
    """Return how many times as long all folds but the first take one after the other."""
    with filled(problem) as (trainer, embeddings):
        rounds = splits(np.arange(len(problem.embeddings)) % FOLDS)[1:]
        networks = [(Fold(n, one, embeddings), len(GRID) - 1) for n, one in enumerate(rounds, 1)]
        together = seconds(trainer.train, networks)
        return sum(seconds(trainer.train, [network]) for network in networks) / together


class Network(torch.nn.Module):
    """The network of one setting, by PyTorch's own modules."""

    def __init__(self, setting: Setting, layers: int, features: int, labels: int) -> None:
        super().__init__()
        self.mix = torch.nn.Parameter(torch.ones(layers))
        parts: list[torch.nn.Module] = []
        for width in [features, *[UNITS] * (setting.hidden_layers - 1)]:
            linear, norm = torch.nn.Linear(width, UNITS), torch.nn.BatchNorm1d(UNITS)
            parts += [linear, norm, torch.nn.Dropout(DROPOUT), torch.nn.ReLU()]
        self.rest = torch.nn.Sequential(*parts, torch.nn.Linear(UNITS, labels))

    def forward(self, embedded: Tensor) -> Tensor:
        weights = self.mix.abs() / self.mix.abs().sum()
        found: Tensor = self.rest((embedded * weights[None, :, None]).sum(dim=1))
        return found


def network(problem: Problem, setting: Setting) -> Network:
    return Network(setting, *problem.embeddings.shape[1:], problem.labels)


def plain_loop(problem: Problem, embeddings: Tensor, known: Tensor) -> None:
    for setting in GRID:
        model = network(problem, setting).to(problem.device)
        optimiser = torch.optim.Adam(model.parameters(), lr=setting.learning_rate)
        for _ in range(problem.epochs):
            model.train()
            for rows in torch.randperm(problem.train, device=problem.device).split(BATCH):
                loss = torch.nn.functional.cross_entropy(
                    model(embeddings[rows].float()), known[rows]
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            model.eval()
            with torch.no_grad():
                held_out = embeddings[problem.train :].split(BATCH)
                hits = torch.cat([model(part.float()).argmax(dim=1) for part in held_out])
                (hits == known[problem.train :]).float().mean().item()


def with_lightning(problem: Problem) -> None:
    import lightning
    from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self, setting: Setting) -> None:
            super().__init__()
            self.network, self.rate = network(problem, setting), setting.learning_rate

        def loss(self, batch: list[Tensor]) -> tuple[Tensor, Tensor]:
            logits = self.network(batch[0])
            return torch.nn.functional.cross_entropy(logits, batch[1]), logits

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            loss, _ = self.loss(batch)
            self.log("train_loss", loss)
            for number, weight in enumerate(self.network.mix):
                self.log(f"weight_{number}", weight.abs() / self.network.mix.abs().sum())
            return loss

        def validation_step(self, batch: list[Tensor], index: int) -> None:
            loss, logits = self.loss(batch)
            self.log("val_loss", loss)
            self.log("accuracy", (logits.argmax(dim=1) == batch[1]).float().mean())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=self.rate)

    def loader(rows: slice, shuffle: bool) -> Any:
        data = TensorDataset(problem.embeddings[rows], problem.known[rows])
        return DataLoader(data, batch_size=BATCH, num_workers=LOADERS, shuffle=shuffle)

    for setting in GRID:
        with tempfile.TemporaryDirectory() as folder:
            trainer = lightning.Trainer(
                max_epochs=problem.epochs,
                accelerator=problem.device,
                devices=1,
                num_sanity_val_steps=0,
                default_root_dir=folder,
                callbacks=[
                    ModelCheckpoint(folder, monitor="accuracy", mode="max"),
                    EarlyStopping("accuracy", mode="max", patience=20),
                ],
                logger=lightning.pytorch.loggers.CSVLogger(folder),
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            train, held_out = slice(0, problem.train), slice(problem.train, None)
            trainer.fit(Module(setting), loader(train, True), loader(held_out, False))


def bare_products(problem: Problem, *, pooled: bool) -> None:
    """Run the matrix products of all settings, epochs, minibatches and validation passes."""
    layers, features = problem.embeddings.shape[1:]

    def run(setting: Setting) -> None:
        own = Products(features, problem.labels, setting.hidden_layers, problem.device)
        for _ in range(problem.epochs):
            for clips in sizes(problem.train):
                own.train(clips)
            for clips in sizes(len(problem.known) - problem.train):
                own.forward(clips)

    mixed = torch.empty(len(GRID), BATCH * features, device=problem.device)
    embedded = torch.ones(layers, BATCH * features, device=problem.device)
    weights = torch.ones(len(GRID), layers, device=problem.device)
    for _ in range(problem.epochs):
        for clips in sizes(problem.train):
            columns = clips * features
            torch.mm(weights, embedded[:, :columns], out=mixed[:, :columns])
            torch.mm(mixed[:, :columns], embedded[:, :columns].T, out=weights)
            weights.fill_(1)
        for clips in sizes(len(problem.known) - problem.train):
            columns = clips * features
            torch.mm(weights, embedded[:, :columns], out=mixed[:, :columns])
    deep_first = sorted(GRID, key=lambda setting: -setting.hidden_layers)
    if not pooled:
        for setting in deep_first:
            run(setting)
        return
    threads = torch.get_num_threads()
    with (
        threadpool_limits(1),
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        list(pool.map(run, deep_first))
    torch.set_num_threads(threads)


def sizes(clips: int) -> list[int]:
    return [min(BATCH, clips - start) for start in range(0, clips, BATCH)]


class Products:
    """The matrix products of one network, into arrays that are there already."""

    def __init__(self, features: int, labels: int, depth: int, device: str) -> None:
        widths = [features, *[UNITS] * depth, labels]
        pairs = list(pairwise(widths))
        self.weights = [torch.ones(above, below, device=device) for below, above in pairs]
        self.changes = [torch.empty_like(weight) for weight in self.weights]
        self.values = [torch.ones(BATCH, width, device=device) for width in widths]
        self.errors = [torch.ones(BATCH, width, device=device) for width in widths]

    def forward(self, clips: int) -> None:
        for weight, below, above in zip(self.weights, self.values, self.values[1:], strict=False):
            torch.mm(below[:clips], weight.T, out=above[:clips])

    def train(self, clips: int) -> None:
        self.forward(clips)
        for k in reversed(range(len(self.weights))):
            torch.mm(self.errors[k + 1][:clips].T, self.values[k][:clips], out=self.changes[k])
            torch.mm(self.errors[k + 1][:clips], self.weights[k], out=self.errors[k][:clips])


def seconds(function: Callable[..., object], *arguments: Any, **options: Any) -> float:
    start = perf_counter()
    function(*arguments, **options)
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; return medians and ratios."""
    problem = Problem(args)
    there = problem.embeddings.to(args.device), problem.known.to(args.device)
    # a GPU starts one product after the other anyway
    pools = (True, False) if args.device == "cpu" else (False,)
    sides: dict[str, Callable[[], float]] = {
        "brainbench": lambda: seconds(ours, problem),
        "bare products": lambda: min(seconds(bare_products, problem, pooled=p) for p in pools),
        "plain loop": lambda: seconds(plain_loop, problem, *there),
    }
    skipped = {}
    if args.no_lightning or find_spec("lightning") is None:
        skipped["lightning"] = "not asked for" if args.no_lightning else "not installed"
    else:
        sides["lightning"] = lambda: seconds(with_lightning, problem)
    warm = argparse.Namespace(**vars(args) | {"clips": 64, "epochs": 1})
    ours(Problem(warm))
    folds_apart(Problem(warm))
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(args.repeats):
        for side, run in sides.items():
            taken[side].append(run())
    median = {side: statistics.median(times) for side, times in taken.items()}
    base = taken.pop("brainbench")
    own = {
        side: statistics.median(one / mine for one, mine in zip(times, base, strict=True))
        for side, times in taken.items()
    }
    return {
        "shape": {key: getattr(args, key) for key in SHAPE},
        "device": args.device,
        "settings": len(GRID),
        "threads": torch.get_num_threads(),
        "median_seconds": median,
        "seconds_per_setting_and_epoch": {
            side: value / len(GRID) / args.epochs for side, value in median.items()
        },
        "times_ours": own,
        "goal_met": {side: own[side] >= GOALS[side] for side in own},
        "folds_apart": statistics.median(folds_apart(problem) for _ in range(args.repeats)),
        "skipped": skipped,
    }


SHAPE = {"clips": 4000, "layers": 13, "features": 768, "labels": 50, "epochs": 2}
QUICK = {"clips": 2048, "layers": 13, "features": 768, "labels": 50, "epochs": 1, "repeats": 1}


def show(found: dict[str, Any]) -> None:
    print(", ".join(f"{value} {name}" for name, value in found["shape"].items()), end="; ")
    print(f"{found['settings']} settings, {found['threads']} threads, on {found['device']}")
    print(f"{'':14} {'seconds':>10} {'a setting, epoch':>17} {'times ours':>11} {'goal':>6}")
    for side, value in found["median_seconds"].items():
        line = f"{side:14} {value:10.2f} {found['seconds_per_setting_and_epoch'][side]:17.3f}"
        if side in found["times_ours"]:
            met = "met" if found["goal_met"][side] else "MISSED"
            line += f" {found['times_ours'][side]:11.2f} {GOALS[side]:6.2f} {met}"
        print(line)
    print(f"{FOLDS - 1} folds, one setting: apart {found['folds_apart']:.2f} times as long")
    for side, reason in found["skipped"].items():
        print(f"{side:14} skipped: {reason}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (SHAPE | {"repeats": 3}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--no-lightning", action="store_true", help="leave this side out")
    parser.add_argument("--quick", action="store_true", help="a smaller problem, in seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    if args.quick:
        vars(args).update(QUICK)
    logging.disable(logging.INFO)  # Lightning tells a lot at every start
    with warnings.catch_warnings():
        # Lightning advises more loaders and fewer logs, which are those of the released code.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", module="torch.utils.data")
        found = measure(args)
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0 if all(found["goal_met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
