"""`brainbench cite`: what to cite, as BibTeX."""

from __future__ import annotations

import argparse
from typing import Any

from brainbench_audio.cli.table import print_json

PROTOCOL = """\
@article{Pepino2025,
  title = {Better audio representations are more brain-like: linking model-brain alignment with
           performance in downstream auditory tasks},
  author = {Pepino, Leonardo and Riera, Pablo and Kamienkowski, Juan and Ferrer, Luciana},
  journal = {arXiv preprint arXiv:2511.16849},
  year = {2025}
}"""


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "cite", help="print BibTeX", description="BibTeX of the protocol and of the given ids."
    )
    parser.add_argument("ids", nargs="*", help="models, benchmarks, data sets or metrics")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the entries, each once."""
    from brainbench_audio.cli.info import facts_of

    entries = {"protocol": PROTOCOL}
    for identifier in options.ids:
        for name, value in facts_of(identifier).items():
            if name.endswith("citation"):
                entries[f"{identifier} {name.removesuffix('citation').strip('_')}".strip()] = value
    if options.json:
        print_json(entries)
    else:
        print("\n\n".join(dict.fromkeys(entries.values())))
    return 0
