"""The page on which attacks are submitted, without a browser."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from leakboard.leaderboard import Board, Desk, Helpers, User, submissions_of
from leakboard.leaderboard.controls.upload import Upload, UploadChecker
from leakboard.leaderboard.desk import check
from leakboard.leaderboard.desk.line_process import PYTHON
from leakboard.leaderboard.desk.tables import State
from leakboard.leaderboard.serve import RELEASES
from leakboard.leaderboard.worker import helpers
from leakboard.schemas import Release, ScoreReport

from ..submitting import DECLARED, drawn, end_with, submit_drawn, write_file
from .conftest import MakeRow, OpenPage


@pytest.fixture
def token(desk: Desk) -> str:
    return desk.issue_token("ada")


@pytest.fixture
def form(
    open_page: OpenPage,
    desk: Desk,
    token: str,
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
) -> AppTest:
    """The page, opened and filled in by ada; no file is chosen yet."""
    monkeypatch.setenv(RELEASES, str(release.folder))
    page = open_page(desk.board)
    field(page, "Token").set_value(token).run()
    for label in ("Name", "Compute", "Licence"):
        field(page, label).set_value(DECLARED[label.lower()])
    field(page, "Seeds").set_value("0")
    page.text_area[0].set_value("Ada Example")
    page.number_input[0].set_value(DECLARED["auxiliary_records"])
    page.selectbox(key="declared-track").set_value("attribute")
    page.run()
    assert not page.exception
    return page


def field(page: AppTest, label: str):  # type: ignore[no-untyped-def]
    (found,) = (one for one in page.text_input if one.label == label)
    return found


def button(page: AppTest, label: str):  # type: ignore[no-untyped-def]
    (found,) = (one for one in page.button if one.label == label)
    return found


def choose(page: AppTest, file: Path) -> None:
    """Choose a file to upload."""
    page.file_uploader[0].set_value((file.name, file.read_bytes(), "")).run()
    assert not page.exception


def said(page: AppTest) -> list[str]:
    return [one.value.replace("\\", "") for one in [*page.info, *page.error, *page.success]]


def test_a_board_without_a_desk_takes_no_submissions(
    open_page: OpenPage, tmp_path: Path, make_row: MakeRow
) -> None:
    Board.open(tmp_path / "board").add(make_row("none", (0.5, 0.4, 0.6)))
    page = open_page(tmp_path / "board", at="submit")
    assert "takes no submissions" in page.info[0].value
    assert not page.text_input
    assert not (tmp_path / "board-submissions").exists()


def test_the_first_submission_to_an_empty_board_can_be_made(
    open_page: OpenPage, desk: Desk
) -> None:
    page = open_page(desk.board)
    assert [one.value for one in page.title] == ["Submit"]
    assert "the organiser sent you" in page.info[-1].value


def test_a_token_that_nobody_holds_is_refused(open_page: OpenPage, desk: Desk) -> None:
    page = open_page(desk.board)
    field(page, "Token").set_value("a guess").run()
    assert "this token is not valid here" in page.error[0].value
    assert not page.dataframe


def test_the_token_is_hidden_and_not_in_the_address(
    open_page: OpenPage, desk: Desk, token: str
) -> None:
    page = open_page(desk.board)
    field(page, "Token").set_value(token).run()
    assert field(page, "Token").proto.type == field(page, "Token").proto.PASSWORD
    assert token not in str(page.query_params)


def test_a_login_is_offered_beside_the_token_where_the_secrets_name_a_provider(
    open_page: OpenPage, desk: Desk
) -> None:
    page = open_page(desk.board)
    assert not page.button
    page.secrets = {"auth": {"client_id": "leakboard"}}
    page.run()
    assert button(page, "Log in")
    assert field(page, "Token")


def test_without_releases_it_says_how_else_to_submit(
    open_page: OpenPage, desk: Desk, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RELEASES, raising=False)
    page = open_page(desk.board)
    field(page, "Token").set_value(token).run()
    assert any("`leakboard submit`" in one for one in said(page))
    assert not page.file_uploader


def test_a_sound_file_is_checked_and_then_submitted_once(
    form: AppTest, desk: Desk, release: Release, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "probe.parquet", release)
    choose(form, file)
    assert "Nothing is wrong with it." in said(form)
    ada = User("ada", 10)
    assert submissions_of(desk, ada) == []
    button(form, "Submit").click().run()
    (mine,) = submissions_of(desk, ada)
    assert (mine.name, mine.state, mine.split) == ("linear probe", State.RECEIVED, "test")
    assert desk.file_of(mine.id).read_bytes() == file.read_bytes()
    assert any(mine.id in one for one in said(form))
    assert form.file_uploader[0].value is None
    assert list(form.dataframe[0].value["Submission"]) == [mine.id]


def test_no_file_is_read_in_the_process_of_the_server(
    form: AppTest, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(check, "checked_predictions")
    choose(form, write_file(tmp_path / "probe.parquet", release))
    assert "Nothing is wrong with it." in said(form)


def test_all_problems_of_file_and_declaration_are_told_at_once(
    form: AppTest, desk: Desk, release: Release, tmp_path: Path
) -> None:
    values = drawn(len(release.asked_ids("test")))
    values[3] = np.nan
    field(form, "Seeds").set_value("one").run()
    choose(form, write_file(tmp_path / "probe.parquet", release, values=values))
    (told,) = form.error
    assert "seeds" in told.value
    assert "finite" in told.value
    assert "Submit" not in [one.label for one in form.button]
    assert submissions_of(desk, User("ada", 10)) == []


def test_a_correction_is_checked_at_once(form: AppTest, release: Release, tmp_path: Path) -> None:
    field(form, "Licence").set_value("").run()
    choose(form, write_file(tmp_path / "probe.parquet", release))
    assert "licence" in form.error[0].value
    field(form, "Licence").set_value("CC-BY-4.0").run()
    assert not form.error
    assert "Nothing is wrong with it." in said(form)


def test_of_a_model_only_the_declaration_is_checked_here(
    form: AppTest, desk: Desk, tmp_path: Path
) -> None:
    model = tmp_path / "attack.onnx"
    model.write_bytes(b"not read by the page")
    choose(form, model)
    button(form, "Submit").click().run()
    (mine,) = submissions_of(desk, User("ada", 10))
    assert mine.split == "test"
    assert desk.received(mine.id).submission.content.kind == "model"


def test_one_sees_history_and_scores_of_ones_own_submissions_alone(
    open_page: OpenPage, desk: Desk, ada: User, bob: User, make_row: MakeRow, release: Release,
    tmp_path: Path,
) -> None:  # fmt: skip
    report: ScoreReport = make_row("none", (0.5, 0.4, 0.6)).report
    scored = submit_drawn(desk, ada, release, tmp_path, 0)
    end_with(desk, scored, report)
    submit_drawn(desk, bob, release, tmp_path, 1)
    page = open_page(desk.board)
    field(page, "Token").set_value(desk.issue_token("ada")).run()
    mine, history, scores = (table.value for table in page.dataframe)
    assert list(mine["Submission"]) == [scored]
    assert list(history["State"]) == ["received", "checking", "running", "scored"]
    assert list(scores["Metric"]) == [report.headline.metric]
    assert "Withdraw" not in [one.label for one in page.button]


def test_what_waits_can_be_withdrawn(
    open_page: OpenPage, desk: Desk, ada: User, release: Release, tmp_path: Path
) -> None:
    waiting = submit_drawn(desk, ada, release, tmp_path, 0)
    page = open_page(desk.board)
    field(page, "Token").set_value(desk.issue_token("ada")).run()
    button(page, "Withdraw").click().run()
    assert list(page.dataframe[0].value["State"]) == ["withdrawn"]
    assert not desk.file_of(waiting).exists()


def test_a_file_that_ends_its_reader_is_a_problem_and_no_more(
    desk: Desk, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(tmp_path / "probe.parquet", release)
    upload = Upload(file.name, file.read_bytes())
    monkeypatch.setattr(helpers, "CHECKER", [*PYTHON, "raise SystemExit(3)"])
    helper = Helpers(desk.folder)
    (problem,) = UploadChecker(helper)(release.folder, DECLARED, upload).problems
    helper.close()
    assert "exit code 3" in problem
