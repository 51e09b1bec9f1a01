"""The worker: takes submissions off the desk, evaluates and publishes them."""
