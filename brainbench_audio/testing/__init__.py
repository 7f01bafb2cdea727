"""Small stand-ins for tests: sounds, a model, a data set."""

from brainbench_audio.testing.dummies import DummyDataset, DummyModel, dummy_stimuli

__all__ = ["DummyDataset", "DummyModel", "dummy_stimuli"]
