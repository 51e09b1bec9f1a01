"""Where strangers' code runs: its own namespaces, limits, and nothing of ours to see."""
