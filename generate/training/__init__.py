"""Training: the game that the networks play, its one loop, and what is kept of it."""
