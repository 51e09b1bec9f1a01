"""Tiny real releases, made once per run; property tests draw the same examples every time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from leakboard.generate import generate
from leakboard.schemas import Release

from .hub import Hub, serving
from .tiny import SHARD_BYTES, MakeRelease, tiny_config

SECRET = "5ec2e7" * 10 + "5ec2"  # always the same, so that the splits are

settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def release_of(tmp_path_factory: pytest.TempPathFactory) -> MakeRelease:
    """Make, once, the tiny release of a defense in both formats; all share one secret."""
    folder = tmp_path_factory.mktemp("releases")
    (folder / "secret.key").write_text(f"{SECRET}\n")

    def make(defense: str) -> Release:
        if not (folder / defense).exists():
            generate(
                tiny_config(defense),
                folder / defense,
                secret=folder / "secret.key",
                formats=("parquet", "webdataset"),
                shard_bytes=SHARD_BYTES,
            )
        return Release.open(folder / defense)

    return make


@pytest.fixture(scope="session")
def release(release_of: MakeRelease) -> Release:
    """The undefended tiny release."""
    return release_of("none")


@pytest.fixture(scope="session")
def secret_file(release: Release) -> Path:
    """The secret that all tiny releases were made with."""
    return release.folder.parent / "secret.key"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A double of the Hub that this process's client talks to, with a token that may write."""
    from huggingface_hub import constants

    with serving(token="hf_tester") as double:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, double.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", double.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_tester")
        yield double
