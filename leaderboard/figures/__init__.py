"""The figures and pictures of the board."""
