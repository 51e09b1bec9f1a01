"""The whole suite of attacks on one release, and the statement about it."""
