"""A plugin: its weights, options, source and data, each changed alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import load_model
from brainbench_audio.errors import DataError, PluginLoadError
from brainbench_audio.pipeline.current import current_version
from brainbench_audio.pipeline.identifying import identified
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.run import Run

Score = Callable[..., Run]
Save = Callable[[Path, int], Path]
OWN = """
from pathlib import Path

from brainbench_audio.testing import DummyModel


class Own(DummyModel):
    fingerprint = "never changes"

    def __init__(self, card, power, extra):
        super().__init__()
        self.card, self.power = card, power
        {extra}

    def activations(self, waveforms, layers=None):
        return {{n: x ** self.power for n, x in super().activations(waveforms, layers).items()}}


def load(card, weights="small", seed=0):
    power = {{"small": 1, "large": -0.1}}.get(weights)
    return Own(card, (power or float(Path(weights).read_text())) * (1 + seed), None)
"""


def asked(identifier: str, **options: Any) -> Run:
    (found,) = score_many([Loadable(identifier, options)], ["Tiny-match"])
    assert isinstance(found, Run), found
    return found


def test_published_weights(net: Path, tiny_score: Score, save: Save, published: Path) -> None:
    first = tiny_score("net")
    save(published, 1)
    # they are pinned: other ones are not the published model
    with pytest.raises(DataError, match=r"net\.pt"):
        tiny_score("net")
    for pin in published.parent.glob("*.sha256"):
        pin.unlink()
    other = tiny_score("net")
    assert not other.cached
    assert other.version != first.version
    assert other.score.value != first.score.value


def test_a_copy_of_the_published_weights_is_the_published_model(
    net: Path, tmp_path: Path, tiny_score: Score, published: Path
) -> None:
    first = tiny_score("net")
    shutil.copy(published, tmp_path / "copy.pt")
    again = asked("net", weights=str(tmp_path / "copy.pt"))
    assert again.cached
    assert again.version == first.version


def test_given_weights_of_an_untrained_control(net: Path, tmp_path: Path, save: Save) -> None:
    wanted = Loadable("net@untrained", {"weights": str(save(tmp_path / "mine.pt", 1))})
    first = identified(wanted)
    assert (first.loaded, identified(wanted).loaded) == (True, False)
    save(tmp_path / "mine.pt", 2)  # it may say how the network is to be made
    other = identified(wanted)
    assert other.loaded
    assert other.identity.digest != first.identity.digest
    (tmp_path / "mine.pt").unlink()
    with pytest.raises(DataError, match=r"mine\.pt does not exist"):
        identified(wanted)


def test_given_weights(net: Path, tmp_path: Path, differs: Any, save: Save) -> None:
    file = tmp_path / "mine.pt"
    save(file, 1)
    differs(lambda: asked("net", weights=str(file)), lambda: save(file, 2), lambda: save(file, 1))


def test_weights_that_keep_size_and_time(
    net: Path, tmp_path: Path, tiny_score: Score, save: Save
) -> None:
    file = save(tmp_path / "mine.pt", 1)
    first, status = asked("net", weights=str(file)), file.stat()
    save(file, 2)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    other = asked("net", weights=str(file))
    assert not other.cached
    assert other.version != first.version


def test_options_and_precision(net: Path) -> None:
    first, power, half = asked("net"), asked("net", power=2), asked("net", dtype="bfloat16")
    assert not power.cached
    assert not half.cached
    assert len({first.version, power.version, half.version}) == 3
    assert asked("net", dtype="float32", device="cpu").cached
    assert [asked("net", power=2).cached, asked("net", dtype="bfloat16").cached] == [True, True]
    assert current_version("net", "brainbench-net") == first.version


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("network.py", "gain *", "3 + gain *"),
        ("late.py", "return x", "return x ** 2"),
        ("gain.txt", "1.0", "-0.3"),
    ],
)
def test_source_and_data(
    net: Path, differs: Any, restart: Callable[[], None], name: str, old: str, new: str
) -> None:
    text = (net / name).read_text()

    def write(text: str) -> None:
        (net / name).write_text(text)
        restart()

    assert old in text
    differs(lambda: asked("net"), lambda: write(text.replace(old, new)), lambda: write(text))


@pytest.fixture
def own(net: Path) -> Callable[..., Run]:
    """A plugin with a loader of its own and a fingerprint that never changes."""
    card = (net / "__init__.py").read_text()
    card = card.replace('"first", "out"', '"bands", "log_bands"')
    (net / "__init__.py").write_text(
        card.replace("plugin_net.network:FAMILY", "plugin_net.own:load")
    )
    (net / "own.py").write_text(OWN.format(extra="pass"))
    return asked


def test_a_loader_of_ones_own(own: Score, tmp_path: Path) -> None:
    names = [own("net"), own("net", weights="large"), own("net", seed=2)]
    assert not any(found.cached for found in names)
    assert len({found.version for found in names}) == 3
    assert own("net", weights="large").cached
    file = tmp_path / "power.txt"
    file.write_text("-0.2")
    first = own("net", weights=str(file))
    file.write_text("-2.0")
    other = own("net", weights=str(file))
    assert not other.cached
    assert other.version != first.version


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("self.log = (x for x in ())", "attribute log cannot be hashed"),
        ("self.fingerprint = None", "it has no fingerprint"),
    ],
)
def test_what_cannot_be_told(own: Score, net: Path, extra: str, told: str) -> None:
    (net / "own.py").write_text(OWN.format(extra=extra))
    assert told in own("net").unkept
    assert told in own("net").unkept


def test_files_that_are_named_are_hashed(own: Score, net: Path, tmp_path: Path) -> None:
    far = tmp_path / "far.txt"
    far.write_text("0.5")
    extra = f"self.files = [{str(far)!r}]; self.power *= float(Path({str(far)!r}).read_text())"
    (net / "own.py").write_text(OWN.format(extra=extra))
    first = own("net")
    assert own("net").cached
    far.write_text("-0.1")
    other = own("net")
    assert not other.cached
    assert (other.version, other.score.value) != (first.version, first.score.value)
    far.write_text("0.5")
    assert own("net").version == first.version


def test_an_edit_while_the_process_runs(
    net: Path, tiny_score: Score, restart: Callable[[], None]
) -> None:
    model = load_model("net")
    first = tiny_score(model)
    text = (net / "network.py").read_text()
    (net / "network.py").write_text(text.replace("gain *", "3 + gain *"))
    # what is in memory is what it was; what is loaded anew would not be what the file says
    again = tiny_score(model)
    assert (again.cached, again.version) == (True, first.version)
    with pytest.raises(PluginLoadError, match=r"network\.py has changed since .*restart Python"):
        load_model("net")
    with pytest.raises(PluginLoadError, match=r"network\.py has changed"):
        tiny_score("net")
    restart()
    other = tiny_score("net")
    assert not other.cached
    assert other.version != first.version
    assert other.score.value != first.score.value
    # an object of the old class is still the old model
    assert tiny_score(model).version == first.version
    (net / "network.py").write_text(text)
    restart()
    assert tiny_score("net").version == first.version


@pytest.mark.parametrize(
    ("name", "text"), [("late.py", "def bend(x):\n    return x ** 2\n"), ("gain.txt", "2.0")]
)
def test_a_late_part_that_changed_before_it_was_read(
    net: Path, tiny_score: Score, restart: Callable[[], None], name: str, text: str
) -> None:
    model = load_model("net")
    (net / name).write_text(text)
    with pytest.raises(PluginLoadError, match=f"{name} has changed since it was loaded"):
        tiny_score(model)
    restart()
    new = tiny_score("net")
    assert not new.cached


def test_an_object_of_a_plugin_whose_source_was_edited(
    net: Path, tiny_score: Score, restart: Callable[[], None]
) -> None:
    from brainbench_audio.registry.ids import ModelId
    from brainbench_audio.registry.lookup import find_model, load_attribute

    card = find_model(ModelId.parse("net")).card
    model = load_attribute(card.loader)(card)
    first = tiny_score(model)
    assert not first.unkept
    with (net / "network.py").open("a") as file:
        file.write("# edited\n")
    other = tiny_score(model)
    assert not other.cached
    assert "network.py has changed since this process imported it" in other.unkept


def test_a_plugin_that_is_saved_while_it_loads(
    net: Path, tiny_score: Score, restart: Callable[[], None]
) -> None:
    source = net / "network.py"
    text = source.read_text()
    saved = text.replace("gain *", "3 + gain *")
    source.write_text(
        text + f"\nif not Path({str(net / 'once')!r}).exists():\n"
        f"    Path({str(net / 'once')!r}).touch()\n    Path(__file__).write_text({saved!r})\n"
    )
    first = tiny_score("net")
    restart()
    again = tiny_score("net")
    assert again.cached
    assert again.version == first.version
    source.write_text(text)
    (net / "once").unlink()
    restart()
    assert tiny_score("net").score.value != first.score.value


def test_weights_that_are_replaced_while_they_are_read(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Save
) -> None:
    file = save(tmp_path / "mine.pt", 1)
    from brainbench_audio.pipeline import identifying, loading_models

    real = loading_models.load_identified

    def load(*arguments: Any) -> Any:
        found = real(*arguments)
        save(file, 2)
        return found

    monkeypatch.setattr(identifying, "load_identified", load)
    old = asked("net", weights=str(file))
    monkeypatch.setattr(identifying, "load_identified", real)
    new = asked("net", weights=str(file))
    assert not new.cached
    assert new.version != old.version
    assert new.score.value != old.score.value
    save(file, 1)
    again = asked("net", weights=str(file))
    assert (again.cached, again.version) == (True, old.version)
