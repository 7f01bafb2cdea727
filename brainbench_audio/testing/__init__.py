"""Small stand-ins for tests: sounds, a model, a data set."""

from brainbench_audio.testing.dummies import DummyModel, dummy_dataset, dummy_stimuli

__all__ = ["DummyModel", "dummy_dataset", "dummy_stimuli"]
