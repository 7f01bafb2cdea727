"""`brainbench data`: list, fetch and find the data sets."""

from __future__ import annotations

import argparse
from typing import Any

from brainbench_audio.cards import DatasetCard
from brainbench_audio.cli.consent import confirm_download
from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import DataError
from brainbench_audio.names import from_home


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("data", help="list, fetch or find data sets")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all data sets, and which are here")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=list_data)
    get = actions.add_parser("get", help="download a data set, or install it from a folder")
    get.add_argument("id", help="data set, or one subset of it such as HEAR.esc50")
    get.add_argument(
        "--from", dest="source", metavar="PATH", help="a folder or archive you have already"
    )
    get.add_argument("--sha256", metavar="HASH", help="the archive must have this checksum")
    get.add_argument(
        "--yes", "-y", action="store_true", help="do not ask before a download above 2 GB"
    )
    get.set_defaults(run=get_data)
    path = actions.add_parser("path", help="print the folder of a data set")
    path.add_argument("id")
    path.set_defaults(run=print_path)


def list_data(options: argparse.Namespace) -> int:
    """Print all data sets."""
    from brainbench_audio.registry.lookup import registered

    head = ("data set", "stimuli", "size", "folder")
    rows = []
    for card in (entry.card for entry in registered(DatasetCard)):
        # where only the subsets are scored, each is a data set of its own
        for subset in (None,) if card.provides else card.subsets:
            name = f"{card.id}.{subset}" if subset else card.id
            rows.append((name, card.counted(subset), card.size, _folder(card, subset)))
    if options.json:
        keys = [name.replace(" ", "_") for name in head]
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        print_table(head, rows, drop=("folder",))
    return 0


def get_data(options: argparse.Namespace) -> int:
    """Fetch one data set and print its folder."""
    from brainbench_audio.registry.lookup import data_source

    card, subset = _found(options.id)
    if not card.downloaded:
        print(f"{card.id} needs no download: {card.source}")
        return 0
    source = data_source(card)
    given = from_home(options.source) if options.source else None
    if not given and not options.sha256 and (folder := source.locate(card, subset)):
        print(folder)  # it is here already, and not anybody's to replace
        return 0
    if given is None:
        confirm_download(source.sizes(card, subset), options.yes)
    print(source.fetch(card, subset, given, options.sha256))
    return 0


def print_path(options: argparse.Namespace) -> int:
    """Print the folder of one data set."""
    card, subset = _found(options.id)
    folder = _folder(card, subset)
    if folder is None:
        name = f"{card.id}.{subset}" if subset else card.id
        raise DataError(f"{name} is not here: `brainbench data get {name}` ({card.size}).")
    print(folder)
    return 0


def _found(identifier: str) -> tuple[DatasetCard, str | None]:
    """Return the card and the subset of ``dataset[.subset]``."""
    from brainbench_audio.registry.ids import split_data, unknown
    from brainbench_audio.registry.lookup import find_dataset

    plain, subset = split_data(identifier)
    card = find_dataset(plain).card
    if subset and subset not in card.subsets:
        raise unknown(identifier, "data set", [f"{card.id}.{name}" for name in card.subsets])
    return card, subset


def _folder(card: DatasetCard, subset: str | None = None) -> str | None:
    from brainbench_audio.registry.lookup import data_source

    folder = data_source(card).locate(card, subset)
    return str(folder) if folder else None
