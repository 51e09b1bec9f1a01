"""Checks of a release: files, contents, leaks, recomputation, commitments."""
