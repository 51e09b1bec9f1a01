"""SHA256SUMS: the SHA-256 of every other file of a release, as `sha256sum -c` reads it.

The manifest vouches for every file but itself; this list vouches for the manifest.
"""

from pathlib import Path

from .files import sha256_of
from .manifest import Manifest

SUMS_FILE = "SHA256SUMS"


def sums(manifest: Manifest, own: str) -> str:
    """List the files of a manifest, and the manifest itself by `own`, the SHA-256 of its bytes."""
    hashes = {file.path: file.sha256 for file in manifest.listed}
    hashes["manifest.json"] = own
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes))


def has_sealed_manifest(folder: Path) -> bool:
    """Whether the list in a release vouches for the bytes of its manifest, whatever these say."""
    line = f"{sha256_of(folder / 'manifest.json')}  manifest.json".encode()
    return line in (folder / SUMS_FILE).read_bytes().splitlines()


def has_right_sums(folder: Path, manifest: Manifest) -> bool:
    """Whether the list in a release is, byte for byte, that of its manifest."""
    expected = sums(manifest, sha256_of(folder / "manifest.json"))
    return (folder / SUMS_FILE).read_bytes() == expected.encode()
