"""Which packages made a release."""

import platform
from importlib.metadata import version

PACKAGES = ("leakboard", "torch", "torchvision", "numpy", "pyarrow", "pillow", "safetensors")


def versions() -> dict[str, str]:
    """Name the versions on which the numbers of a release depend."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
