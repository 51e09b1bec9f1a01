"""Take in a submission: the user's budget and names, then the file, copied to the desk."""

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, get_args

from sqlalchemy import Connection, insert, select

from ...schemas import BadSubmission, MissingData, Release, Submission
from ...schemas.files import replacing, sha256_of
from ...schemas.submission import Model, read_declaration
from .check import Checked, check
from .desk import Desk, User, count, enter, is_known, note, now, received_from
from .prediction_file import prediction_file
from .queue import Queue, submit_only
from .tables import SUBMISSIONS, UNCOUNTED, UNFINISHED, State

REPEATED = "these very predictions were already submitted; submit another attack"


def submit(
    desk: Desk,
    user: User,
    release: Release,
    file: Path,
    about: Path,
    changes: Mapping[str, Any],
    *,
    private: bool = False,
    dry_run: bool = False,
) -> str | None:
    """Check a submission, declared in the TOML file `about`, and put it on the desk.

    Returns its id; None, and leaves everything as it was, with `dry_run`. `BadSubmission` lists
    whatever the server would object to.
    """
    checked = examined(release, file, about, changes)
    if dry_run:
        approved(desk, user, checked)
        return None
    return hand_in(desk, user, checked, file, release.manifest.fingerprint, private=private)


def examined(release: Release, file: Path, about: Path, changes: Mapping[str, Any]) -> Checked:
    """Check a file and its declaration as the server does, without asking any desk."""
    if not os.path.lexists(file):
        raise MissingData(f"{file}: there is no such file to submit")
    declared = {"content": content_of(file.name), **read_declaration(about), **changes}
    with TemporaryDirectory(prefix="leakboard-") as work:
        return check(release, declared, _predicted(declared, file, release, Path(work)))


def approved(desk: Desk, user: User, checked: Checked) -> tuple[Submission, str]:
    """The declaration and the split of a submission that this user may hand in now.

    `BadSubmission` lists what was found in it, and what the desk objects to.
    """
    submission, split, likeness = checked.submission, checked.split, checked.likeness
    problems = list(checked.problems)
    if submission is not None and split is not None:
        problems += objections(desk, user, submission, split)
    if likeness is not None and is_repeated(desk, likeness.content):
        problems.append(REPEATED)
    if problems or submission is None or split is None:
        raise BadSubmission(problems)
    return submission, split


def hand_in(
    desk: Desk, user: User, checked: Checked, file: Path, fingerprint: str, *, private: bool
) -> str:
    """Put what was checked on the desk and in the queue; returns its id, raises as `approved`."""
    submission, split = approved(desk, user, checked)
    received = receive(
        desk, user, submission, file, fingerprint=fingerprint, split=split, private=private
    )
    with closing(Queue(desk, submit_only)) as queue:
        queue.put(received)
    return received


def content_of(name: str) -> dict[str, str]:
    """What a file is by its name, unless the declaration says otherwise."""
    suffix = PurePath(name).suffix.removeprefix(".")
    models = get_args(Model.model_fields["format"].annotation)
    return {"kind": "model", "format": suffix} if suffix in models else {"kind": "predictions"}


def _predicted(declared: Mapping[str, Any], file: Path, release: Release, work: Path) -> Path:
    try:
        submission = Submission.of(declared)
    except BadSubmission:
        if declared["content"] == {"kind": "predictions"}:
            return file  # `check` tells the problems, with those of the file
        raise
    return prediction_file(submission, file, release.folder, work)


def objections(desk: Desk, user: User, submission: Submission, split: str) -> list[str]:
    """Why this user may not submit this now, by who they are; nothing where they may."""
    with desk.engine.connect() as connection:
        return _objections(connection, user, submission, split)


def is_repeated(desk: Desk, content: str) -> bool:
    """Whether predictions of this content were submitted before."""
    with desk.engine.connect() as connection:
        return is_known(connection, content, but="")


def receive(
    desk: Desk,
    user: User,
    submission: Submission,
    file: Path,
    *,
    fingerprint: str,
    split: str,
    private: bool,
) -> str:
    """Put a submission on the desk, durably; returns its id.

    Where the same file of the same user still waits under the same declaration, that is the
    submission, and no other is made. `BadSubmission` where the user may not submit it now. What is
    in the file is checked later.
    """
    submission_id = secrets.token_hex(16)
    kept = desk.file_of(submission_id)
    with replacing(kept) as temporary:
        shutil.copyfile(file, temporary)
    row = {
        "id": submission_id,
        "user": user.name,
        "received": now(),
        "name_key": _key(submission.name),
        "private": private,
        "declaration": submission.model_dump_json(),
        "fingerprint": fingerprint,
        "split": split,
        "predictions": sha256_of(kept),
        "state": State.RECEIVED,
        "attempt": 0,
        "losses": 0,
        "lease_until": 0.0,
    }
    submitted = None
    try:
        with desk.writing() as connection:
            submitted = _waiting(connection, row)
            if submitted is None:
                if refused := _objections(connection, user, submission, split):
                    raise BadSubmission(refused)
                connection.execute(insert(SUBMISSIONS).values(row))
                note(connection, submission_id, State.RECEIVED, "in the queue")
                enter(connection, "received", received_from(row))
                submitted = submission_id
    finally:
        if submitted != submission_id:
            kept.unlink()
    return submitted


def _waiting(connection: Connection, row: Mapping[str, Any]) -> str | None:
    """The unfinished submission of the same file by the same user, if there is one.

    `BadSubmission` where it was declared to be something else.
    """
    same = [SUBMISSIONS.c[name] == row[name] for name in ("user", "fingerprint", "predictions")]
    query = select(SUBMISSIONS).where(*same, SUBMISSIONS.c.state.in_(UNFINISHED))
    found = connection.execute(query.limit(1)).mappings().first()
    if found is None:
        return None
    if any(found[name] != row[name] for name in ("declaration", "private")):
        raise BadSubmission(
            [
                f"this file already waits as the submission {found['id']}, declared otherwise; "
                f"withdraw that first: `leakboard withdraw {found['id']}`"
            ]
        )
    return str(found["id"])


def _objections(
    connection: Connection, user: User, submission: Submission, split: str
) -> list[str]:
    accepted = SUBMISSIONS.c.state.not_in(UNCOUNTED)
    problems = []
    same_name = SUBMISSIONS.c.name_key == _key(submission.name)
    if count(connection, accepted, same_name, SUBMISSIONS.c.user != user.name):
        problems.append(f"name: {submission.name!r} is taken by somebody else; choose another")
    today = SUBMISSIONS.c.received.startswith(now()[:10])
    mine = (SUBMISSIONS.c.user == user.name, SUBMISSIONS.c.split == "test", today, accepted)
    if split == "test" and count(connection, *mine) >= user.daily:
        problems.append(
            f"{user.name} has made {user.daily} submissions on 'test' today, which is what a day "
            "allows; choose on 'validation', and submit again after midnight UTC"
        )
    return problems


def _key(name: str) -> str:
    """What names that look alike have in common."""
    return "".join(
        character for character in name.casefold() if character.isalnum() or character == "+"
    )
