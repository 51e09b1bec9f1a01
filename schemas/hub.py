"""A release in a Hub repository, read at one commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .errors import LeakboardError, MissingData
from .manifest import FileFacts, Manifest
from .release import Release, sha256_once

REPO_TYPE = "dataset"


@contextmanager
def hub_errors(repository: str) -> Iterator[None]:
    """Say in one sentence why the Hub did not give what was asked for."""
    try:
        yield
    except RevisionNotFoundError:
        raise MissingData(
            f"{repository}: the Hub has no such revision; leave --revision out for the newest"
        ) from None
    except EntryNotFoundError as problem:
        raise MissingData(f"{repository}: {_first_line(problem)}") from None
    except (RepositoryNotFoundError, HFValidationError) as problem:
        raise MissingData(
            f"{repository}: expected a dataset repository that your token may read, but the Hub "
            f"says: {_first_line(problem)}; log in with `hf auth login`, or correct the name"
        ) from None
    except HfHubHTTPError as problem:
        raise LeakboardError(f"{repository}: the Hub refused: {_first_line(problem)}") from None


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0].rstrip(".")


@dataclass(frozen=True)
class HubRelease(Release):
    """A release whose files are fetched from the Hub when they are first read."""

    repository: str
    commit: str
    prefix: str

    @classmethod
    def at(cls, repository: str, name: str | None, revision: str | None) -> "HubRelease":
        """Pin the revision to its commit and read the manifest of the release `name`."""
        prefix = f"{name}/" if name else ""
        with hub_errors(repository):
            commit = HfApi().repo_info(repository, repo_type=REPO_TYPE, revision=revision).sha
            assert commit is not None
            path = _fetched(repository, f"{prefix}manifest.json", commit)
        return cls(path.parent, Manifest.read(path.parent), repository, commit, prefix)

    def located(self, file: FileFacts) -> Path:
        """Fetch a file unless it is in the Hub's cache; where its bytes are wrong, once more."""
        path = f"{self.prefix}{file.path}"
        with hub_errors(self.repository):
            found = _fetched(self.repository, path, self.commit)
            if sha256_once(found) != file.sha256:
                found = _fetched(self.repository, path, self.commit, again=True)
        return found


def _fetched(repository: str, path: str, commit: str, again: bool = False) -> Path:
    return Path(
        HfApi().hf_hub_download(
            repository, path, repo_type=REPO_TYPE, revision=commit, force_download=again
        )
    )
