"""Submit an attack: what is wrong with it, told at once, and what became of the others."""

import atexit
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from ...schemas import BadSubmission, LeakboardError
from ..controls.declaring import declare
from ..controls.drawing import draw_table
from ..controls.identity import identify
from ..controls.upload import Upload, UploadChecker
from ..desk.check import Checked
from ..desk.desk import Desk, User, desk_folder
from ..desk.intake import approved, hand_in
from ..desk.mine import Mine, submissions_of, withdraw
from ..desk.mine_table import LINE_COLUMNS, MINE_COLUMNS, SCORE_COLUMNS
from ..serve import DATABASE, RELEASES
from ..text import plain
from ..worker.helpers import Helpers, releases_in

NO_DESK = (
    "This board takes no submissions. Its organiser begins with `leakboard token USER --board DIR`."
)
REFERENCE = "Nothing can be submitted to the reference results: they are only shown."
NO_RELEASES = (
    "No files are taken here: submit with `leakboard submit`, or ask the organiser to start the "
    "board with `leakboard serve --board DIR --releases DIR`."
)
NO_FILE = "Choose a file: it is checked at once, and submitted only when you say so."
NOTHING_YET = "Nothing yet: what you submit is listed here."
SOUND = "Nothing is wrong with it."
MODEL = "What is declared is sound. The organiser's worker runs the model and checks what it says."
KINDS = ("parquet", "onnx", "safetensors")
LISTED_SECONDS = 60.0  # how long the list of releases is kept


def draw(board: Path | None) -> None:
    """Draw the form, and one's own submissions; None stands for the reference results."""
    st.title("Submit", anchor=False)
    if board is None:
        st.info(REFERENCE)
        return
    if not desk_folder(board).is_dir():
        st.info(NO_DESK)
        return
    desk = Desk.open(board, os.environ.get(DATABASE) or None)
    user = identify(desk)
    if user is not None:
        draw_new(desk, user)
        draw_mine(desk, user)


def draw_new(desk: Desk, user: User) -> None:
    """Draw the form of a new submission, and what was said of the last."""
    st.header("A new submission", anchor=False)
    if submitted := st.session_state.pop("submitted", None):
        st.success(f"Submission {submitted}: received; it is listed below.")
    folder = os.environ.get(RELEASES)
    if not folder:
        st.info(NO_RELEASES)
        return
    releases = _releases(Path(folder))
    named = {f"{path.name} ({mark[:8]})": mark for mark, path in releases.items()}
    fingerprint = named[st.selectbox("Release", list(named), key="submit-release")]
    declared = declare()
    private = st.checkbox("Private: show the score to me alone")
    number = st.session_state.setdefault("uploads", 0)  # another number empties the control
    file = st.file_uploader("File", list(KINDS), key=f"file{number}")
    if file is None:
        st.info(NO_FILE)
        return
    upload = Upload(file.name, file.getvalue())
    checked = _checked(desk.folder, releases[fingerprint], declared, upload)
    if draw_checks(desk, user, checked, upload) and st.button("Submit", type="primary"):
        # First, since a second click may stop this run wherever it next speaks to the browser.
        st.session_state.uploads = number + 1
        with upload.stored() as stored:
            made = hand_in(desk, user, checked, stored, fingerprint, private=private)
        st.session_state.submitted = made
        st.rerun()


def draw_checks(desk: Desk, user: User, checked: Checked, upload: Upload) -> bool:
    """Draw all that is wrong with a submission; returns whether nothing is."""
    try:
        approved(desk, user, checked)
    except BadSubmission as refused:
        problems = refused.problems
        st.error(f"{len(problems)} to put right:\n\n{_listed(problems)}")
        return False
    st.success(MODEL if upload.is_model else SOUND)
    return True


@st.fragment
def draw_mine(desk: Desk, user: User) -> None:
    """Draw one's own submissions, and one of them in full."""
    st.header("My submissions", anchor=False)
    st.caption(plain(f"Of {user.name}"))
    st.button("Refresh", icon=":material/refresh:")
    try:  # a fragment is drawn by itself, without the page around it
        found = submissions_of(desk, user)[::-1]
        if not found:
            st.info(NOTHING_YET)
            return
        draw_table(MINE_COLUMNS, found, "My submissions")
        named = {f"{one.name}, {one.received} ({one.id[:8]})": one for one in found}
        draw_one(desk, user, named[st.selectbox("Submission", list(named), key="submission")])
    except LeakboardError as problem:
        st.error(plain(str(problem)))


def draw_one(desk: Desk, user: User, mine: Mine) -> None:
    """Draw the history and the scores of a submission, and offer to withdraw it."""
    draw_table(LINE_COLUMNS, mine.log, "History of the submission")
    if mine.scores:
        draw_table(SCORE_COLUMNS, list(mine.scores.items()), "Scores of the submission")
    if mine.overfitting is not None:
        gap = mine.overfitting
        st.markdown(plain(f"{gap.metric} on validation minus test: {gap}"))
    if mine.can_be_withdrawn and st.button("Withdraw", help="Its file is deleted."):
        withdraw(desk, user, mine.id)
        st.rerun()


def _listed(problems: Sequence[str]) -> str:
    return "\n".join(f"- {plain(problem)}" for problem in problems)


def _checked(desk: Path, release: Path, declared: Mapping[str, Any], upload: Upload) -> Checked:
    """What is wrong with an upload, kept for the session until something of it changes."""
    told = {"content": upload.kind, **declared}
    asked = (str(release), json.dumps(told, sort_keys=True), upload.sha256)
    if asked != st.session_state.get("asked"):
        with st.spinner("Checking …"):
            st.session_state.checked = _checker(desk)(release, told, upload)
        st.session_state.asked = asked
    checked: Checked = st.session_state.checked
    return checked


@st.cache_resource(show_spinner=False)
def _checker(desk: Path) -> UploadChecker:
    helpers = Helpers(desk)
    atexit.register(helpers.close)
    return UploadChecker(helpers)


@st.cache_resource(ttl=LISTED_SECONDS, show_spinner=False)
def _releases(folder: Path) -> dict[str, Path]:
    return releases_in(folder)
