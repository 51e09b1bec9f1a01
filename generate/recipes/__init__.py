"""Releases of images that may not be passed on: recipes, and how they are made whole."""
