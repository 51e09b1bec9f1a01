"""Jobs: taken once, taken up again, parked; and the ledger, which shows any change."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from leakboard.leaderboard import Desk, User, submission_of, submissions_of
from leakboard.leaderboard.desk import jobs
from leakboard.leaderboard.desk.jobs import LostLease
from leakboard.leaderboard.desk.ledger import digest_of
from leakboard.leaderboard.desk.tables import HEAD, LEDGER, State
from leakboard.schemas import BrokenLedger, LeaderboardRow, Release

from ..submitting import end_with, submit_drawn, taken

MakeRow = Callable[..., LeaderboardRow]


# Jobs --------------------------------------------------------------------------------------------


def test_a_job_is_taken_once(desk: Desk, ada: User, release: Release, tmp_path: Path) -> None:
    submitted = submit_drawn(desk, ada, release, tmp_path, 0)
    assert jobs.claim(desk, submitted, 60) is not None
    assert jobs.claim(desk, submitted, 60) is None
    assert jobs.claim(desk, "0" * 32, 60) is None


def test_a_job_whose_worker_gives_no_sign_is_taken_up_again_and_the_dead_have_no_say(
    desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    submitted = submit_drawn(desk, ada, release, tmp_path, 0)
    dead = taken(desk, submitted, lease=-1)
    assert jobs.release_abandoned(desk, 3) == [submitted]
    alive = taken(desk, submitted)
    assert jobs.release_abandoned(desk, 3) == []
    report = make_row("none", (0.5, 0.4, 0.6)).report
    for late in (
        partial(jobs.beat, desk, dead, 60),
        partial(jobs.score_of, desk, dead, report),
        partial(jobs.reject, desk, dead, ("late",)),
    ):
        with pytest.raises(LostLease):
            late()
    jobs.beat(desk, alive, 60)
    jobs.score_of(desk, alive, report)
    with pytest.raises(LostLease):
        jobs.score_of(desk, alive, report)
    assert [entry.event for entry in desk.ledger()] == ["received", "scored"]


def test_a_job_that_ends_its_worker_three_times_is_parked_with_its_history(
    desk: Desk, ada: User, release: Release, tmp_path: Path
) -> None:
    submitted = submit_drawn(desk, ada, release, tmp_path, 0)
    taken(desk, submitted, lease=-1)
    assert jobs.release_abandoned(desk, 3) == [submitted]
    assert jobs.lose(desk, taken(desk, submitted), 3, "it ended with exit code -9")
    assert not jobs.lose(desk, taken(desk, submitted), 3, "it ended with exit code -9")
    mine = submission_of(desk, ada, submitted)
    assert mine.state is State.FAILED
    assert [line.message for line in mine.log] == [
        "in the queue",
        "attempt 1",
        "its worker was lost; in the queue again",
        "attempt 2",
        "it ended with exit code -9; in the queue again",
        "attempt 3",
        "parked: it ended with exit code -9, 3 times in all",
    ]
    assert desk.ledger()[-1].event == "failed"


# The ledger --------------------------------------------------------------------------------------


@pytest.fixture
def four(desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow) -> Desk:
    """A ledger of four entries: two submissions, received and scored."""
    for seed in (0, 1):
        submitted = submit_drawn(desk, ada, release, tmp_path, seed)
        end_with(desk, submitted, make_row("none", (0.5 + seed / 10, 0.4, 0.7)).report)
    assert len(desk.ledger()) == 4
    return desk


def restored(desk: Desk, contents: Sequence[str]) -> None:
    """Put the entries back as they were."""
    with desk.engine.begin() as connection:
        connection.execute(delete(LEDGER))
        for number, content in enumerate(contents, start=1):
            row = {"number": number, "submission": "", "content": content}
            connection.execute(insert(LEDGER).values(row))


def test_an_entry_that_was_changed_or_deleted_is_found(four: Desk) -> None:
    contents = [entry.content for entry in four.ledger()]
    for number in range(4):
        changed = json.dumps(json.loads(contents[number]) | {"user": "eve"}, sort_keys=True)
        restored(four, [*contents[:number], changed, *contents[number + 1 :]])
        with pytest.raises(BrokenLedger, match=r"entry \d of the ledger"):
            four.ledger()
        restored(four, [*contents[:number], *contents[number + 1 :]])
        with pytest.raises(BrokenLedger):
            four.ledger()
    restored(four, contents)
    assert [entry.content for entry in four.ledger()] == contents


def test_a_ledger_written_anew_is_told_from_the_one_that_was_published(four: Desk) -> None:
    """Even one whose chain is whole: a copy of the head was published with the board."""
    entries = four.ledger()
    with four.engine.begin() as connection:
        connection.execute(delete(LEDGER).where(LEDGER.c.number > 2))
        head = {"entries": 2, "digest": entries[2].previous}
        connection.execute(update(HEAD).values(head))
    with pytest.raises(BrokenLedger, match="the last ones were taken away"):
        four.ledger()
    third = entries[2].model_copy(update={"user": "eve"})
    fourth = entries[3].model_copy(update={"previous": digest_of(third.content)})
    restored(four, [entry.content for entry in (*entries[:2], third, fourth)])
    with four.engine.begin() as connection:
        head = {"entries": 4, "digest": digest_of(fourth.content)}
        connection.execute(update(HEAD).values(head))
    with pytest.raises(BrokenLedger, match="is not the one that was published"):
        four.ledger()


def test_what_is_in_the_ledger_has_its_file_even_where_the_head_cannot_be_published(
    desk: Desk, ada: User, release: Release, tmp_path: Path
) -> None:
    (desk.board / "ledger.json").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        submit_drawn(desk, ada, release, tmp_path, 0)
    (desk.board / "ledger.json").rmdir()
    (mine,) = submissions_of(desk, ada)
    assert desk.file_of(mine.id).is_file()
    assert [entry.submission for entry in desk.ledger()] == [mine.id]


def test_a_head_that_lags_behind_is_no_damage(four: Desk) -> None:
    """A crash between the entry and the publication of its head."""
    entries = four.ledger()
    behind = {"entries": 2, "digest": entries[2].previous}
    (four.board / "ledger.json").write_text(json.dumps(behind))
    assert four.ledger() == entries
