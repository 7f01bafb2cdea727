"""What `brainbench new` writes: one folder of templates for each kind of plugin."""
