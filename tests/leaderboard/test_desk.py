"""The desk: users, their budgets and names, and what they see and take back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leakboard.leaderboard import Desk, User, submission_of, submissions_of, submit, withdraw
from leakboard.leaderboard.desk import desk as desk_module
from leakboard.leaderboard.desk import jobs
from leakboard.leaderboard.desk.check import check
from leakboard.leaderboard.desk.tables import State
from leakboard.schemas import BadSubmission, LeaderboardRow, MissingData, Release, UsageError

from ..submitting import drawn, end_with, submit_drawn, taken, write_declaration, write_file

MakeRow = Callable[..., LeaderboardRow]


def states(desk: Desk, user: User) -> list[State]:
    return [mine.state for mine in submissions_of(desk, user)]


# Users -------------------------------------------------------------------------------------------


def test_a_token_is_its_users_and_ends_with_the_next_one(desk: Desk) -> None:
    first = desk.issue_token("ada")
    assert desk.user_of(first) == User("ada", 10)
    second = desk.issue_token("ada", daily=3)
    assert desk.user_of(second) == User("ada", 3)
    for wrong in (first, "", "' OR 1=1 --", second + "x"):
        with pytest.raises(UsageError, match="this token is not valid here"):
            desk.user_of(wrong)


def test_the_desk_keeps_no_token(desk: Desk) -> None:
    token = desk.issue_token("ada")
    assert token.encode() not in (desk.folder / "desk.sqlite").read_bytes()
    assert desk.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", "Ada", "a b", "../ada", "a" * 41, "ada\n", "'; DROP TABLE"])
def test_a_user_has_a_plain_name(desk: Desk, name: str) -> None:
    with pytest.raises(UsageError, match="expected the name of a user"):
        desk.issue_token(name)


# Submitting --------------------------------------------------------------------------------------


def test_a_day_allows_so_many_submissions_on_test(
    desk: Desk, bob: User, release: Release, tmp_path: Path
) -> None:
    for seed in (0, 1):
        submit_drawn(desk, bob, release, tmp_path, seed)
    with pytest.raises(BadSubmission, match="bob has made 2 submissions on 'test' today"):
        submit_drawn(desk, bob, release, tmp_path, 2)
    submit_drawn(desk, bob, release, tmp_path, 3, split="validation")  # whose answers are public


def test_the_budget_is_whole_again_the_next_day(
    desk: Desk, bob: User, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leakboard.leaderboard.desk import intake

    for day in ("2026-11-25", "2026-11-26"):
        for module in (intake, desk_module):
            monkeypatch.setattr(module, "now", lambda day=day: f"{day}T23:59:59Z")
        for seed in (0, 1):
            submit_drawn(desk, bob, release, tmp_path, int(day[-2:]) + 100 * seed)
    with pytest.raises(BadSubmission, match="submit again after midnight UTC"):
        submit_drawn(desk, bob, release, tmp_path, 999)


def test_what_was_refused_or_withdrawn_does_not_open_the_budget_unless_it_showed_no_score(
    desk: Desk, bob: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    first, second = (submit_drawn(desk, bob, release, tmp_path, seed) for seed in (0, 1))
    jobs.reject(desk, taken(desk, first), ("not finite",))
    third = submit_drawn(desk, bob, release, tmp_path, 2)
    withdraw(desk, bob, second)
    with pytest.raises(BadSubmission, match="today"):
        submit_drawn(desk, bob, release, tmp_path, 3)
    assert states(desk, bob) == [State.REJECTED, State.WITHDRAWN, State.RECEIVED]
    assert desk.file_of(third).is_file()
    assert not desk.file_of(second).exists()


def test_a_name_belongs_to_who_used_it_first_however_it_is_written(
    desk: Desk, ada: User, bob: User, release: Release, tmp_path: Path
) -> None:
    submit_drawn(desk, ada, release, tmp_path, 7)
    for name in ("drawn 7", "Drawn-7", "DRAWN_7"):
        file = write_file(tmp_path / "other.parquet", release, 8)
        about = write_declaration(tmp_path / "other.toml")
        with pytest.raises(BadSubmission, match="is taken by somebody else"):
            submit(desk, bob, release, file, about, {"name": name})
        assert submit(desk, ada, release, file, about, {"name": name}, dry_run=True) is None


def test_a_submission_lies_on_the_desk_as_it_was_sent(
    desk: Desk, ada: User, release: Release, tmp_path: Path
) -> None:
    submitted = submit_drawn(desk, ada, release, tmp_path, 0)
    assert desk.file_of(submitted).read_bytes() == (tmp_path / "0.parquet").read_bytes()
    (entry,) = desk.ledger()
    assert (entry.event, entry.submission, entry.user) == ("received", submitted, "ada")
    assert entry.fingerprint == release.manifest.fingerprint


def test_a_dry_run_leaves_everything_as_it_was(
    desk: Desk, ada: User, release: Release, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "a.parquet", release)
    about = write_declaration(tmp_path / "a.toml")
    assert submit(desk, ada, release, file, about, {}, dry_run=True) is None
    assert (submissions_of(desk, ada), desk.ledger()) == ([], [])
    assert not (desk.folder / "files").exists()


def test_the_same_predictions_are_found_again_in_another_order_unless_withdrawn(
    desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    ids, about = release.asked_ids("test"), write_declaration(tmp_path / "about.toml")
    file = write_file(tmp_path / "a.parquet", release)
    first = submit(desk, ada, release, file, about, {}, private=True)
    assert first is not None
    found = check(release, desk.received(first).submission.model_dump(), desk.file_of(first))
    assert found.likeness is not None
    job = taken(desk, first)
    assert jobs.begin_scoring(desk, job, found.likeness)
    jobs.score_of(desk, job, make_row("none", (0.5, 0.4, 0.6)).report)
    values = drawn(len(ids))[::-1]
    again = write_file(tmp_path / "b.parquet", release, ids=ids[::-1], values=values)
    with pytest.raises(BadSubmission, match="already submitted"):
        submit(desk, ada, release, again, about, {})
    withdraw(desk, ada, first)
    assert submit(desk, ada, release, again, about, {}) is not None


def test_a_file_that_waits_is_submitted_once(
    desk: Desk, ada: User, bob: User, release: Release, tmp_path: Path
) -> None:
    file, about = (
        write_file(tmp_path / "a.parquet", release),
        write_declaration(tmp_path / "a.toml"),
    )
    first = submit(desk, ada, release, file, about, {})
    assert first is not None
    assert submit(desk, ada, release, file, about, {}) == first
    with pytest.raises(BadSubmission, match=f"already waits as the submission {first}"):
        submit(desk, ada, release, file, about, {}, private=True)
    assert [path.name for path in (desk.folder / "files").iterdir()] == [first]
    assert [entry.submission for entry in desk.ledger()] == [first]
    of_bob = submit(desk, bob, release, file, about, {"name": "of bob"})  # who cannot know of it
    assert of_bob not in (None, first)
    withdraw(desk, ada, first)
    assert submit(desk, ada, release, file, about, {}) not in (None, first, of_bob)


# What a user sees --------------------------------------------------------------------------------


def test_a_user_sees_and_withdraws_their_own_alone(
    desk: Desk, ada: User, bob: User, release: Release, tmp_path: Path
) -> None:
    of_ada = submit_drawn(desk, ada, release, tmp_path, 0)
    of_bob = submit_drawn(desk, bob, release, tmp_path, 1)
    assert [mine.id for mine in submissions_of(desk, ada)] == [of_ada]
    assert submission_of(desk, bob, of_bob).position == 2
    for act in (submission_of, withdraw):
        with pytest.raises(MissingData, match="ada has no submission"):
            act(desk, ada, of_bob)
    assert states(desk, bob) == [State.RECEIVED]


def test_private_scores_can_be_withdrawn_and_public_ones_stay(
    desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    about = write_declaration(tmp_path / "about.toml")
    ids = []
    for seed, private in ((0, True), (1, False)):
        file = write_file(tmp_path / f"{seed}.parquet", release, seed)
        submitted = submit(desk, ada, release, file, about, {}, private=private)
        assert submitted is not None
        end_with(desk, submitted, make_row("none", (0.5, 0.4, 0.6)).report)
        ids.append(submitted)
    withdraw(desk, ada, ids[0])
    with pytest.raises(UsageError, match="is on the board, where records stay"):
        withdraw(desk, ada, ids[1])
    with pytest.raises(UsageError, match="there is nothing to withdraw"):
        withdraw(desk, ada, ids[0])
    assert states(desk, ada) == [State.WITHDRAWN, State.SCORED]


def test_scores_on_test_are_shown_to_the_stated_precision_and_kept_exactly(
    desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    submitted = submit_drawn(desk, ada, release, tmp_path, 0)
    end_with(desk, submitted, make_row("none", (0.51234, 0.4, 0.6), n=900).report)
    shown = submission_of(desk, ada, submitted).scores["top1"]
    assert (shown.value, shown.low, shown.high) == (0.51, 0.4, 0.6)
    kept = desk.ledger()[-1].report
    assert kept is not None
    assert kept.headline.value == 0.51234


def test_a_models_gap_between_test_and_the_reserve_is_kept_and_shown(
    desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    submitted = submit_drawn(desk, ada, release, tmp_path, 0)
    report = make_row("none", (0.6, 0.57, 0.63)).report
    reserve = report.headline.model_copy(update={"value": 0.512, "low": 0.4, "high": 0.6, "n": 120})
    end_with(desk, submitted, report, reserve)
    found = submission_of(desk, ada, submitted).reserve_gap
    assert found is not None
    assert found.value == pytest.approx(0.6 - 0.51)
    assert desk.ledger()[-1].reserve == reserve


def test_the_overfitting_meter_is_the_gap_between_the_splits(
    desk: Desk, ada: User, release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    about = write_declaration(tmp_path / "about.toml")
    for seed, (split, value) in enumerate([("validation", 0.9), ("test", 0.6)]):
        file = write_file(tmp_path / f"{split}.parquet", release, seed, split=split)
        submitted = submit(desk, ada, release, file, about, {})
        assert submitted is not None
        end_with(desk, submitted, make_row("none", (value, value - 0.03, value + 0.03)).report)
    on_validation, on_test = submissions_of(desk, ada)
    assert on_validation.overfitting is None
    assert on_test.overfitting is not None
    assert on_test.overfitting.value == pytest.approx(0.3)
    assert on_test.overfitting.low == pytest.approx(0.3 - 0.03 * 2**0.5)


def test_a_login_is_one_user_whom_the_organiser_can_give_a_token(desk: Desk) -> None:
    ada = desk.user_of_login("https://id.example", "1")
    assert ada == desk.user_of_login("https://id.example", "1")
    others = {
        desk.user_of_login(*who).name for who in (("https://id.example", "2"), ("https://b", "1"))
    }
    assert len({ada.name, *others}) == 3
    token = desk.issue_token(ada.name, daily=3)
    assert desk.user_of(token) == desk.user_of_login("https://id.example", "1") == User(ada.name, 3)
