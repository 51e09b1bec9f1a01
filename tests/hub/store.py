"""What the double holds: repositories of commits, which are trees of content-addressed files."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

LARGE = (".parquet", ".tar", ".safetensors")  # kept as large files (LFS), by their SHA-256


@dataclass(frozen=True)
class File:
    """A file of a commit; `oid` is git's hash of what the tree holds, a pointer if it is large."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        held = self.content
        if self.large:
            pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
            held = pointer.format(self.sha256, len(self.content)).encode()
        return hashlib.sha1(b"blob %d\0" % len(held) + held).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.oid

    def facts(self, path: str) -> dict[str, Any]:
        """How the interface describes a file."""
        size = len(self.content)
        described: dict[str, Any] = {"type": "file", "path": path, "oid": self.oid, "size": size}
        if self.large:
            described["lfs"] = {"oid": self.sha256, "size": size, "pointerSize": 134}
        return described


@dataclass
class Repository:
    """One branch, `main`, with tags."""

    private: bool = False
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, tree: dict[str, File]) -> str:
        """Put a tree on `main`."""
        names = json.dumps([self.head, sorted((path, file.oid) for path, file in tree.items())])
        self.head = hashlib.sha1(names.encode()).hexdigest()
        self.commits[self.head] = tree
        return self.head

    def find(self, revision: str) -> str | None:
        """The commit of a branch, tag or commit name."""
        if revision in ("", "main"):
            return self.head
        return self.tags.get(revision) or (revision if revision in self.commits else None)


def entries(commit: str, tree: dict[str, File]) -> dict[str, dict[str, Any]]:
    """The files and folders of a tree, as the interface lists them; the last commit of each is
    said to be this one.
    """
    listed = {path: file.facts(path) for path, file in tree.items()}
    for path in tree:
        *parents, _ = path.split("/")
        for depth in range(1, len(parents) + 1):
            folder = "/".join(parents[:depth])
            oid = hashlib.sha1(folder.encode()).hexdigest()
            listed[folder] = {"type": "directory", "path": folder, "oid": oid, "size": 0}
    last = {"id": commit, "title": "commit", "date": "2026-11-26T00:00:00.000Z"}
    return {path: {**listed[path], "lastCommit": last} for path in sorted(listed)}


@dataclass
class Hold:
    """One request that is held, so that a test can kill who sent it in the middle of it.

    at     upload: half of a large file has been read; commit: half of one; answer: a commit is made
    after  so many requests of that kind go through first
    """

    at: Literal["upload", "commit", "answer"]
    after: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def pause(self, at: str) -> None:
        """Wait here, if this is the request."""
        if at == self.at and not self.reached.is_set():
            if self.after:
                self.after -= 1
                return
            self.reached.set()
            self.released.wait()


@dataclass
class Faults:
    """What goes wrong next. Counts go down as it does."""

    drops: int = 0  # so many downloads of large files are cut after `drop_after` bytes
    drop_after: int = 0
    damages: int = 0  # so many downloads of large files have a byte flipped
    uploads: int | None = None  # after so many large files were taken, uploads are refused
    hold: Hold | None = None


@dataclass
class Store:
    """All repositories, and the large files that were uploaded, whether committed or not."""

    token: str
    faults: Faults = field(default_factory=Faults)
    repositories: dict[str, Repository] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)

    def create(self, name: str, private: bool) -> bool:
        """Make a repository with an empty commit; False where there is one."""
        if name in self.repositories:
            return False
        self.repositories[name] = made = Repository(private)
        made.commit({})
        return True
