"""`brainbench weights`: list, fetch, find, verify and install the weights of models."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.consent import ask, confirm_download
from brainbench_audio.cli.table import print_json, print_table, tell
from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.files import size_in_words
from brainbench_audio.names import from_home

if TYPE_CHECKING:
    from brainbench_audio.activations.weights_status import Status
    from brainbench_audio.cards import ModelCard, WeightsFile


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("weights", help="list, fetch, find, verify or install weights")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = _action(actions, "list", "all files of weights, and which are here", list_weights)
    listing.add_argument("model", nargs="*", default=["*"], metavar="MODEL")
    get = _action(actions, "get", "download the weights of models that are not here", get_weights)
    get.add_argument("model", nargs="+", metavar="MODEL", help="globs in quotes: 'beats-*'")
    _add_yes(get, "do not ask before a download above 2 GB or of unknown size")
    path = _action(actions, "path", "print where the weights of a model are", print_paths)
    path.add_argument("model", metavar="MODEL")
    verify = _action(actions, "verify", "read files again and compare their hashes", verify_weights)
    verify.add_argument("model", nargs="*", default=["*"], metavar="MODEL")
    verify.add_argument(
        "--sha256",
        type=_hash,
        metavar="HASH",
        help="the hash of one model's file from another source; kept if it agrees",
    )
    copy = _action(actions, "add", "install a copy of a model's weights", add_weights)
    copy.add_argument("model", metavar="MODEL")
    copy.add_argument(
        "file",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="the files, the folder that holds them, or the archive they are published in",
    )
    copy.add_argument("--sha256", type=_hash, metavar="HASH", help="the file must have this hash")
    _add_yes(copy, "do not ask where no hash is known")


def _action(actions: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=what)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, misused=parser.error)
    return parser


def _add_yes(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help=what)


def list_weights(options: argparse.Namespace) -> int:
    """Print what is known of each file."""
    _print(_statuses(options.model), options.json)
    return 0


def get_weights(options: argparse.Namespace) -> int:
    """Fetch what is not here; what cannot be had does not stop the others."""
    from brainbench_audio.activations.weights_files import fetch_weights, local_file
    from brainbench_audio.progress import one_bar

    cards = _cards(options.model)
    lacking = [
        (card, index)
        for card in cards
        for index, published in enumerate(card.weights)
        if not local_file(card, published)
    ]
    files = _to_fetch([card.weights[index] for card, index in lacking])
    confirm_download({name: size or None for name, size in files.items()}, options.yes)
    failures: dict[str, str] = {}
    with one_bar(sum(files.values()), "weights") as bar:
        for card, index in lacking:
            try:
                fetch_weights(card, index)
            except BrainbenchError as error:
                failures.setdefault(card.id, str(error))
            bar.next_file()
    for message in failures.values():
        tell(f"brainbench: {message}")
    _print(_statuses([card.id for card in cards]), options.json)
    return 1 if failures else 0


def _to_fetch(lacking: Sequence[WeightsFile]) -> dict[str, int]:
    """Return the sizes of files that a program can fetch; models that share an archive have one."""
    from brainbench_audio.activations.weights_absent import addresses

    by_url = {published.url: published for published in lacking if not published.by_hand}
    return {addresses(published)[0]: published.size for published in by_url.values()}


def print_paths(options: argparse.Namespace) -> int:
    """Print the file of a model, or each of several."""
    from brainbench_audio.activations.weights_absent import absent
    from brainbench_audio.activations.weights_files import local_file

    card = _one(options.model)
    paths = [local_file(card, published) for published in card.weights]
    lacking = [file for file, path in zip(card.weights, paths, strict=True) if path is None]
    if lacking:
        raise DataError(absent(card, lacking, "nothing was downloaded to find out."))
    if options.json:
        print_json([str(path) for path in paths])
    else:
        print(*paths, sep="\n")
    return 0


def verify_weights(options: argparse.Namespace) -> int:
    """Compare files with what is known of them, or with the hash of another source."""
    from brainbench_audio.activations.weights_status import CHANGED, confirm

    if options.sha256:
        if len(options.model) != 1 or options.model == ["*"]:
            options.misused("--sha256 is the hash of the file of one model: name the model")
        statuses = [confirm(_one(options.model[0]), options.sha256)]
    else:
        statuses = [each for each in _statuses(options.model, anew=True) if each.path]
    _print(statuses, options.json)
    changed = [each for each in statuses if each.state == CHANGED]
    for each in changed:
        tell(
            f"brainbench: {each.path} is not the file of {each.card.id} that it should be: "
            f"expected SHA-256 {each.sha256}. Delete it and run: brainbench weights get "
            f"{each.card.id}"
        )
    return 1 if changed else 0


def add_weights(options: argparse.Namespace) -> int:
    """Install copies of the files of a model."""
    from brainbench_audio.activations import weights_status
    from brainbench_audio.files import hash_file

    card = _one(options.model)
    pairs = weights_status.sources(card, [*map(from_home, options.file)])
    if options.sha256 and len(pairs) > 1:
        options.misused(f"--sha256 is the hash of one file, and {card.id} has {len(pairs)}")
    checked = []
    for published, path in pairs:
        sha256 = hash_file(path)
        if options.sha256 and sha256 != options.sha256:
            raise DataError(
                f"{path} is not the file that --sha256 names: expected {options.sha256}, got "
                f"{sha256}. Nothing was installed."
            )
        weights_status.refuse_other(card, published, sha256, path)
        checked.append((published, path, sha256))
    for published, path, sha256 in checked:
        _agree(card, published, path, sha256, options)
    for published, path, sha256 in checked:
        weights_status.install(card, published, path, sha256, confirmed=bool(options.sha256))
    _print(_statuses([card.id]), options.json)
    return 0


def _agree(
    card: ModelCard, published: WeightsFile, path: Path, sha256: str, options: argparse.Namespace
) -> None:
    """Ask before a file is installed that nobody vouches for."""
    from brainbench_audio.activations.weights_places import pin_of

    pin = pin_of(card, published)
    if options.yes or options.sha256 or published.sha256 or (pin and pin.sha256 == sha256):
        return
    other = f" Before, a file with {pin.sha256} was here." if pin else ""
    ask(
        f"No SHA-256 of the weights of {card.id} is published; {path} has {sha256}.{other} Install "
        f"it unverified?",
        f"{path} was not installed: no SHA-256 of the weights of {card.id} is published, so nobody "
        f"can tell whether it is theirs. It has {sha256}.{other} Compare with another source and "
        f"give --sha256 HASH",
    )


def _cards(patterns: Sequence[str]) -> list[ModelCard]:
    """Return the cards of models with weights that patterns name."""
    from brainbench_audio.registry.globs import expand
    from brainbench_audio.registry.lookup import find_model

    cards = [find_model(name).card for name in expand(patterns, "model")]
    if not any(card.weights for card in cards):
        raise DataError(
            f"{' '.join(patterns)} has no files of weights: brainbench weights list shows who has."
        )
    return [card for card in cards if card.weights]


def _one(name: str) -> ModelCard:
    """Return the card of the only model that a name stands for."""
    cards = _cards([name])
    if len(cards) > 1:
        raise DataError(f"{name} is {len(cards)} models, this takes one.")
    return cards[0]


def _statuses(patterns: Sequence[str], *, anew: bool = False) -> list[Status]:
    from brainbench_audio.activations.weights_status import status_of

    return [
        status_of(card, published, anew=anew)
        for card in _cards(patterns)
        for published in card.weights
    ]


def _print(statuses: Sequence[Status], as_json: bool) -> None:
    facts = [facts_of(each) for each in statuses]
    if as_json:
        print_json(facts)
        return
    rows = [
        (
            one["model"],
            one["file"],
            size_in_words(one["size"]) if one["size"] else None,
            one["hash"],
            one["state"],
            one["path"] or one["place"],
        )
        for one in facts
    ]
    head = ("model", "file", "size", "hash", "state", "place")
    print_table(head, rows, drop=("place", "size", "hash"))


def facts_of(status: Status) -> dict[str, Any]:
    """Return what is known of a file, JSON-able."""
    from brainbench_audio.activations import weights_places as places
    from brainbench_audio.activations.weights_absent import addresses
    from brainbench_audio.hub import SCHEME, HubPath

    card, published = status.card, status.published
    pin = places.pin_of(card, published)
    source = published.url
    if pin is not None and pin.source.startswith(SCHEME) and places.is_current(pin, published):
        source = pin.source
    hub = source.startswith(SCHEME)
    return {
        "model": card.id,
        "file": places.own_name(published),
        "address": addresses(published)[0],
        "mirrors": list(published.mirrors),
        "revision": HubPath.parse(source).revision if hub else None,
        "size": published.size or None,
        "sha256": status.sha256,
        "hash": status.vouched,
        "licence": card.licence,
        "place": str(places.place_of(card, published)),
        "path": str(status.path) if status.path else None,
        "state": status.state,
    }


def _hash(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no SHA-256: 64 hexadecimal digits")
    return text.lower()
