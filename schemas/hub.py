"""Read a Hub repository at one commit, and a release in it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .errors import ChecksumMismatch, LeakboardError, MissingData
from .files import sha256_of
from .manifest import FileFacts, Manifest
from .recipe import RECIPE_FILE
from .release import Release, sha256_once
from .sums import SUMS_FILE, has_right_sums, has_sealed_manifest

REPO_TYPE = "dataset"
ATTEMPTS = 5  # for each file; the pause doubles each time
# The error of whichever HTTP library the client stands on: a connection that fails or breaks.
TRANSPORT = cast(type[Exception], HfHubHTTPError.__bases__[0])
PIECE = 2**18  # bytes; the client's own, 10 MiB, are new memory each time: a third of the speed
log = logging.getLogger(__name__)


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
        raise MissingData(f"{repository}: {_sentence(problem)}") from None
    except (RepositoryNotFoundError, HFValidationError) as problem:
        raise MissingData(
            f"{repository}: expected a dataset repository that your token may read, but the Hub "
            f"says: {_sentence(problem)}; log in with `hf auth login`, or correct the name"
        ) from None
    except HfHubHTTPError as problem:
        raise LeakboardError(f"{repository}: the Hub refused: {_sentence(problem)}") from None
    except RuntimeError as problem:  # how the client wraps a failed upload
        reason = _sentence(problem.__cause__ or problem)
        raise LeakboardError(f"{repository}: {_sentence(problem)} ({reason})") from None
    except (TRANSPORT, OSError) as problem:
        raise LeakboardError(
            f"{repository}: the Hub cannot be reached ({_sentence(problem)}); try again, what has "
            "arrived is kept"
        ) from None


def _sentence(problem: BaseException) -> str:
    """What the Hub said, or else the last line of what its client says."""
    if said := getattr(problem, "server_message", None):
        return str(said)
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return (lines or [type(problem).__name__])[-1].rstrip(".")


class _Pieces:
    """Sets how much the client reads at a time, for as long as any thread of ours downloads.

    The client has no other place for it than a constant of its own, which others read too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._theirs = constants.DOWNLOAD_CHUNK_SIZE

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._theirs, constants.DOWNLOAD_CHUNK_SIZE = constants.DOWNLOAD_CHUNK_SIZE, PIECE
            self._threads += 1

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                constants.DOWNLOAD_CHUNK_SIZE = self._theirs


SMALL_PIECES = _Pieces()


@dataclass
class Repository:
    """A dataset repository at one commit, at the Hub (None) and at its mirrors.

    The endpoint that gave the last file is asked first for the next.
    """

    name: str
    commit: str
    endpoints: deque[str | None]
    pause: float  # seconds before a file is tried again

    @classmethod
    def at(
        cls, name: str, revision: str | None, mirrors: Sequence[str] = (), pause: float = 1.0
    ) -> "Repository":
        """Pin a revision (branch, tag or commit; None is `main`) to its commit."""
        with hub_errors(name):
            commit = HfApi().repo_info(name, repo_type=REPO_TYPE, revision=revision).sha
        assert commit is not None
        return cls(name, commit, deque([None, *mirrors]), pause)

    def fetch(self, path: str, into: Path | None = None, again: bool = False) -> Path:
        """Fetch a file into the Hub's cache, or under the folder `into`.

        A file that is there already is kept, unless it is to be fetched `again`. A connection that
        breaks is taken up where it broke, and tried again with growing pauses.
        """
        for attempt in range(self._attempts):
            try:
                return self._download(path, into, again)
            except (TRANSPORT, OSError) as problem:
                tried_all = attempt + 1 >= len(self.endpoints)
                if tried_all and (_is_refusal(problem) or attempt + 1 == self._attempts):
                    with hub_errors(self.name):
                        raise
                log.warning("%s: %s; trying again", path, _sentence(problem))
                self.endpoints.rotate(-1)  # in one step: other threads fetch meanwhile
            if tried_all:
                time.sleep(self.pause * 2 ** (attempt // len(self.endpoints)))
        raise AssertionError("the last attempt returns or raises")

    def fetch_manifest(self, prefix: str, into: Path | None = None) -> Path:
        """Fetch the manifest of the release below `prefix`, checked by its hash: their folder.

        Both are fetched once more where they do not agree, and `ChecksumMismatch` raised then.
        """
        for again in (False, True):
            folder = self.fetch(f"{prefix}manifest.json", into, again).parent
            self.fetch(f"{prefix}{SUMS_FILE}", into, again)
            if has_sealed_manifest(folder) and has_right_sums(folder, Manifest.read(folder)):
                return folder
        raise ChecksumMismatch(
            f"{self.name}: the bytes of {prefix}manifest.json are not those that "
            f"{prefix}{SUMS_FILE} promises, fetched twice; tell who published it"
        )

    @property
    def _attempts(self) -> int:
        return ATTEMPTS * len(self.endpoints)

    def _download(self, path: str, into: Path | None, again: bool) -> Path:
        with SMALL_PIECES:
            found = HfApi(self.endpoints[0]).hf_hub_download(
                self.name,
                path,
                repo_type=REPO_TYPE,
                revision=self.commit,
                local_dir=into,
                force_download=again,
            )
        return Path(found)

    def fetch_checked(self, path: str, file: FileFacts, into: Path) -> Path:
        """Fetch a file under `into`, once more if its bytes are not those that are promised."""
        for again in (False, True):
            found = self.fetch(path, into, again)
            if sha256_of(found) == file.sha256:
                return found
        raise ChecksumMismatch(
            f"{self.name}: the bytes of {path} are not those that its manifest promises, fetched "
            "twice; tell who published it"
        )


def _is_refusal(problem: BaseException) -> bool:
    """Whether the Hub answered, and will answer the same again."""
    response = getattr(problem, "response", None)
    refused = response is not None and response.status_code < 500
    return refused or isinstance(problem, EntryNotFoundError)


@dataclass(frozen=True)
class HubRelease(Release):
    """A release whose files are fetched from the Hub when they are first read."""

    repository: Repository
    prefix: str

    @classmethod
    def at(cls, repository: str, name: str | None, revision: str | None) -> "HubRelease":
        """Pin the revision to its commit and read the manifest of the release `name`."""
        pinned = Repository.at(repository, revision)
        prefix = f"{name}/" if name else ""
        folder = pinned.fetch_manifest(prefix)
        return cls(folder, Manifest.read(folder), pinned, prefix)

    def located(self, file: FileFacts) -> Path:
        """Fetch a file unless it is in the Hub's cache; a recipe has no records to fetch."""
        try:
            return self.repository.fetch(f"{self.prefix}{file.path}")
        except MissingData:
            if not self._is_recipe:
                raise
        raise MissingData(
            f"{self.repository.name}/{self.prefix} is a recipe, without records: fetch it with "
            f"`leakboard pull {self.repository.name} DIR` and rebuild them from your own copy of "
            "the images with `leakboard materialize`"
        )

    @property
    def _is_recipe(self) -> bool:
        with hub_errors(self.repository.name):
            return HfApi(self.repository.endpoints[0]).file_exists(
                self.repository.name,
                f"{self.prefix}{RECIPE_FILE}",
                repo_type=REPO_TYPE,
                revision=self.repository.commit,
            )

    def mended(self, file: FileFacts) -> Path:
        """Fetch a file whose bytes were found to be others once more."""
        found = self.repository.fetch(f"{self.prefix}{file.path}", again=True)
        return found if sha256_once(found) == file.sha256 else super().mended(file)
