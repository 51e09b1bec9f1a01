"""An attack submitted on the page in headless Chromium, and followed to its score."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from leakboard.leaderboard import Desk
from leakboard.leaderboard.desk.line_process import LEAKBOARD
from leakboard.leaderboard.serve import RELEASES
from leakboard.schemas import Release

from ..submitting import DECLARED, write_file
from .browsing import WAIT, Visit, opened, serious, served

pytestmark = pytest.mark.slow


@pytest.fixture
def site(desk: Desk, release: Release) -> Iterator[str]:
    """A board without results that takes submissions to one release."""
    with served(desk.board, environment={RELEASES: str(release.folder)}) as url:
        yield url


def fill_in(page: Page, label: str, value: str, then: str = "Tab") -> None:
    """Fill in a field, and leave it by a key."""
    box = page.get_by_role("textbox", name=label)
    box.fill(value)
    box.press(then)


def declare(visit: Visit, token: str) -> None:
    fill_in(visit.page, "Token", token, then="Enter")
    for label in ("Name", "Authors", "Licence", "Compute", "Seeds"):
        value = DECLARED[label.lower()]
        fill_in(visit.page, label, str(value[0] if isinstance(value, list) else value))
    records = visit.page.get_by_role("spinbutton", name="Auxiliary records")
    records.fill(str(DECLARED["auxiliary_records"]))
    records.press("Tab")
    visit.settle()


def drain(desk: Desk, release: Release) -> None:
    work = ["worker", "--board", str(desk.board), "--releases", str(release.folder), "--drain"]
    subprocess.run([*LEAKBOARD, *work], check=True, timeout=300, stderr=subprocess.DEVNULL)


def test_a_file_is_checked_submitted_and_followed_to_its_score(
    browser: Browser, site: str, desk: Desk, release: Release, tmp_path: Path
) -> None:
    token = desk.issue_token("ada")
    seen = opened(browser, site)
    page = seen.page
    declare(seen, token)
    broken = write_file(tmp_path / "few.parquet", release, ids=release.asked_ids("test")[:-1])
    page.locator("input[type=file]").set_input_files(broken)
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("to put right", timeout=WAIT)
    page.locator("input[type=file]").set_input_files(write_file(tmp_path / "all.parquet", release))
    expect(page.get_by_text("Nothing is wrong with it.")).to_be_visible(timeout=WAIT)
    assert serious(page) == []
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("received; it is listed below")).to_be_visible(timeout=WAIT)
    drain(desk, release)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("region", name="Scores of the submission")).to_be_visible(timeout=WAIT)
    assert token not in page.url
    seen.assert_quiet()
    page.close()
    board = opened(browser, site)
    expect(board.page.get_by_role("heading", name="Leakboard", level=1)).to_be_visible()
    board.assert_quiet()
    board.page.close()


STYLES = "cdn.jsdelivr.net"  # of the provider's own pages, which do without
SECRETS = """\
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "of the tests, and long enough"
client_id = "leakboard"
client_secret = "of the tests"
server_metadata_url = "http://127.0.0.1:{port}/.well-known/openid-configuration"
"""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[str]:
    """The issuer of an identity provider on this machine, named in the secrets in `tmp_path`."""
    with run_server_in_thread(user_claims=[User(sub="ada")]) as server:
        (tmp_path / ".streamlit").mkdir()
        secrets = tmp_path / ".streamlit" / "secrets.toml"
        secrets.write_text(SECRETS.format(port=server.server_port))
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.filterwarnings("ignore:get_jwt_config")  # of the provider's, in its own use of Authlib
def test_a_login_is_a_user_of_the_desk_until_logged_out(
    browser: Browser, desk: Desk, provider: str, tmp_path: Path
) -> None:
    with served(desk.board, folder=tmp_path) as url:
        seen = opened(browser, url)
        page = seen.page
        page.route(f"https://{STYLES}/**", lambda route: route.abort())
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{provider}/**", timeout=WAIT)
        page.locator("input[name=sub]").fill("ada")
        page.locator("input[name=sub]").press("Enter")
        page.wait_for_url(f"{url}/**", timeout=WAIT)
        expect(page.get_by_text("Of login-")).to_be_visible(timeout=WAIT)
        assert page.get_by_text(desk.user_of_login(provider, "ada").name).is_visible()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("button", name="End session").click(timeout=WAIT)
        expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=WAIT)
        assert not [one for one in seen.errors if url in one]
        assert seen.hosts == {"127.0.0.1", STYLES}
        page.close()
