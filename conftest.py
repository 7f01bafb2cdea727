"""Fixtures of all tests; see `brainbench_audio.testing.pytest_plugin`."""

pytest_plugins = ["brainbench_audio.testing.pytest_plugin"]
