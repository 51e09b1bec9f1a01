"""Commit to the hidden records of a release, and prove later that none was changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ...schemas import LeakboardError, MissingData, RecordSchema, Release, Secret, default_truth
from ...schemas.commitments import COMMITMENTS_FILE, RecordCommitments, committed
from ...schemas.files import read_json, sha256_of
from ...schemas.records import RESERVE, RESERVE_COLUMNS, TRUTH_COLUMNS
from ...schemas.release import TruthManifest
from ...schemas.shards import read_shard
from .contents import Problem

HIDDEN: Mapping[str, tuple[str, ...]] = {"test": TRUTH_COLUMNS, RESERVE: RESERVE_COLUMNS}


@dataclass(frozen=True)
class HiddenRecord:
    """A record as the truth holds it: in which file, its name, and the hash that commits to it."""

    file: str
    sample_id: str
    commitment: str


def commit(truth: Path, schema: RecordSchema, release: str, salt: Secret) -> RecordCommitments:
    """Hash every hidden record in `truth` for the release with the fingerprint `release`."""
    test, reserve = (
        tuple(one.commitment for path in _shards(truth, split) for one in _read(path, schema, salt))
        for split in HIDDEN
    )
    return RecordCommitments(fingerprint=release, test=test, reserve=reserve)


def verify_commitments(
    folder: Path, truth: Path | None = None, secret: Path | None = None
) -> list[Problem]:
    """List every hidden record that is not what the release in `folder` committed to.

    `truth` is by default `<release>-truth`. The secret itself, and by it the files of the answers,
    are compared with the manifest where `secret`, by default `<truth>/secret.key`, is there.
    Raises `MissingData` without commitments, truth or salt, `ChecksumMismatch` for another truth.
    """
    release = Release.open(folder)
    published = _published(release)
    home = truth or default_truth(folder)
    salt = TruthManifest.read(home, release).salt
    if salt is None:
        raise MissingData(f"{home / 'truth.json'} has no salt: it was made before commitments were")
    problems = [
        problem
        for split, hashes in (("test", published.test), (RESERVE, published.reserve))
        for problem in _changed(release, home, split, hashes, Secret(bytes.fromhex(salt)))
    ]
    if published.fingerprint != release.manifest.fingerprint:
        problems.append(Problem(COMMITMENTS_FILE, "commits to the records of another release"))
    key = secret or home / "secret.key"
    return problems + (list(_secret(release, home, Secret.read(key))) if key.exists() else [])


def answers_commitment(truth: Path, key: Secret) -> str:
    """What the manifest publishes of the truth's files: an HMAC of their hashes."""
    hashes = [sha256_of(path) for path in sorted(truth.glob("*.parquet"))]
    return key.digest("truth", *hashes).hex()


def _published(release: Release) -> RecordCommitments:
    listed = [file for file in release.manifest.files if file.path == COMMITMENTS_FILE]
    if not listed:
        raise MissingData(
            f"{release.folder} has no {COMMITMENTS_FILE}: it was made before commitments were; "
            "the manifest's own commitments.truth still binds the files of its answers"
        )
    path = release.checked(listed[0])
    return RecordCommitments.parse(read_json(path), str(path))


def _changed(
    release: Release, truth: Path, split: str, hashes: tuple[str, ...], salt: Secret
) -> Iterator[Problem]:
    found: list[HiddenRecord] = []
    for path in _shards(truth, split):
        try:
            found += _read(path, release.manifest.records, salt)
        except LeakboardError as problem:
            yield Problem(path.name, str(problem))
            return
    for number, (record, expected) in enumerate(zip_longest(found, hashes)):
        if record is None:
            yield Problem(split, f"record {number} of {len(hashes)}, committed to, is missing")
        elif record.commitment != expected:
            yield Problem(
                record.file,
                f"record {number} of {split}, {record.sample_id}, is not what the release "
                "committed to",
            )


def _secret(release: Release, truth: Path, key: Secret) -> Iterator[Problem]:
    promised = release.manifest.commitments
    if key.commitment() != promised.secret:
        yield Problem("manifest.json", "commits to another secret")
    elif answers_commitment(truth, key) != promised.truth:
        yield Problem("manifest.json", "commits to other files of answers")


def _shards(truth: Path, split: str) -> list[Path]:
    return sorted(truth.glob(f"{split}-*.parquet"))


def _read(path: Path, schema: RecordSchema, salt: Secret) -> list[HiddenRecord]:
    table = read_shard(path, schema, HIDDEN[path.name.partition("-")[0]])
    ids = table.column("sample_id").to_pylist()
    hashes = committed(table, salt)
    return [HiddenRecord(path.name, *both) for both in zip(ids, hashes, strict=True)]
