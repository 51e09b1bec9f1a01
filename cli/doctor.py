"""`leakboard doctor`: what this machine has and lacks, and how to mend it."""

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import click

PACKAGES = ("torch", "torchvision", "pyarrow", "datasets", "webdataset", "streamlit")
NEEDED_MEMORY = 3 * 2**30
NEEDED_DISK = 5 * 2**30


@click.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Say what this machine has and lacks, and how to mend it; exit code 1 if something needed
    is missing.
    """
    lacking = False
    for name, found, mend in (*_machine(), *_packages(), *_accelerator(), *_sandbox()):
        lacking = lacking or bool(mend)
        click.echo(f"{'✗' if mend else '✓'} {name}: {found}{f' — {mend}' if mend else ''}")
    context.exit(1 if lacking else 0)


def _machine() -> Iterator[tuple[str, str, str]]:
    yield "Python", platform.python_version(), ""
    yield "processors", str(os.cpu_count()), ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    mend = "" if memory >= NEEDED_MEMORY else "at least 3 GiB are needed; use a larger machine"
    yield "memory", f"{memory / 2**30:.1f} GiB", mend
    free = shutil.disk_usage(".").free
    mend = "" if free >= NEEDED_DISK else "a release takes up to 5 GiB; free some space"
    yield "free disk here", f"{free / 2**30:.1f} GiB", mend


def _packages() -> Iterator[tuple[str, str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name), ""
        except PackageNotFoundError:
            yield name, "not installed", f"pip install {name}"


def _accelerator() -> Iterator[tuple[str, str, str]]:
    import torch

    found = torch.cuda.get_device_name() if torch.cuda.is_available() else "none, which is fine"
    yield "accelerator", found, ""


def _sandbox() -> Iterator[tuple[str, str, str]]:
    """Only who runs models of others needs it, so nothing is lacking without."""
    from ..evaluate.sandbox.sandbox import Sandbox
    from ..schemas import NoSandbox

    try:
        Sandbox.find()
        found = "holds: models of others can be run"
    except NoSandbox as missing:
        found = f"none, so no model of others is run here: {missing}"
    yield "sandbox", found, ""
