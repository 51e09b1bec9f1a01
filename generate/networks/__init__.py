"""The networks: built and split, ours or the reader's own, and the proxy adversaries."""
