"""Reading a release: shards as tensors, splits as records."""
