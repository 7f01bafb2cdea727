"""The `brainbench` command: one module a verb, which calls pipeline, registry and stores."""
