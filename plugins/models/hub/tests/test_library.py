"""transformers beside a torchaudio that cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from brainbench_audio.activations import transformers_library
from brainbench_audio.activations.transformers_library import import_transformers
from brainbench_audio.errors import PluginLoadError

CODE = """
import sys
from brainbench_audio.activations.transformers_library import import_transformers

library = import_transformers()
print(library.Wav2Vec2Model.__name__, library.AutoFeatureExtractor.__name__)
print(library.ASTFeatureExtractor(max_length=20).__class__.__name__)
print("torchaudio available:", library.utils.is_speech_available())
try:
    import torchaudio
except RuntimeError as error:
    print(error)
"""


def test_a_broken_torchaudio(tmp_path: Path) -> None:
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('made for another torch')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{CODE}"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "Wav2Vec2Model AutoFeatureExtractor",
        "ASTFeatureExtractor",
        "torchaudio available: False",
        "made for another torch",
    ]


def test_a_broken_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(transformers_library.importlib, "import_module", refuse)
    with pytest.raises(PluginLoadError, match=r"no transformers.*pip install"):
        import_transformers()
