"""Judges: face recognisers that say whether a rebuilt face is still its owner's."""
