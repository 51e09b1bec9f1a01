"""The tables of the board: columns that explain themselves, and their cells."""
