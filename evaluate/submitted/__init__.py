"""Attacks that were submitted as code or as model files, run in the sandbox."""
