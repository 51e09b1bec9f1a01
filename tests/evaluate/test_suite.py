"""The attack suite and its statement: nothing skipped in silence, nothing run twice, one truth."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from leakboard.evaluate import attack_suite, kept_bounds, score
from leakboard.evaluate.attacks import REGISTRY
from leakboard.evaluate.attacks.attribute_classifier import AttributeClassifier
from leakboard.evaluate.attacks.nearest_neighbour import NearestNeighbour
from leakboard.evaluate.attacks.query_averaging import QueryAveraging
from leakboard.evaluate.deadline import TimeIsUp, deadline
from leakboard.evaluate.suite.planning import Planned, plan, with_less
from leakboard.evaluate.suite.report import html, markdown, pictures
from leakboard.evaluate.suite.statement import level, number
from leakboard.schemas import (
    MissingData,
    OutputExists,
    Release,
    ScoreReport,
    Statement,
    Track,
    default_truth,
)

from ..tiny import MakeRelease

SMALLEST = {"epochs": 1, "iterations": 1, "steps": 1}
FEW = ("prior", "nearest_neighbour", "query_averaging", "decoder", "raw_image_classifier")
LESS = (20, 40, 10_000)  # auxiliary records; the release has fewer than the last
BOUNDS = ["degrees_of_freedom", "fisher"]  # all but those that take long
VOID = {"meta", "img", "br", "hr"}
SUITE = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
from leakboard.evaluate import attack_suite, kept_bounds
from leakboard.schemas import Release
kept_bounds.REGISTRY = SimpleNamespace(names=lambda: {BOUNDS})
release, out = map(Path, sys.argv[1:])
attack_suite(Release.open(release), out, minutes=10, options={SMALLEST})
"""


@pytest.fixture(scope="module", autouse=True)
def few_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_bounds, "REGISTRY", SimpleNamespace(names=lambda: BOUNDS))
        yield


def run_few(release: Release, out: Path, minutes: float) -> Statement:
    """Run a suite of a few of the attacks, with the smallest budgets."""
    few = [one for one in plan(SMALLEST) if one.name in FEW and len(one.options) == 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leakboard.evaluate.suite.suite.plan", lambda options: few)
        patch.setattr("leakboard.evaluate.suite.planning.BUDGETS", LESS)
        return attack_suite(release, out, minutes=minutes)


@pytest.fixture(scope="module")
def out(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report folder of a suite of a few attacks that had time for all of them."""
    out = tmp_path_factory.mktemp("suite") / "report"
    run_few(release, out, minutes=10)
    return out


@pytest.fixture(scope="module")
def statement(out: Path) -> Statement:
    return Statement.parse(json.loads((out / "report.json").read_bytes()), "report.json")


def labels(statement: Statement) -> list[str]:
    return [Planned(one.attack, one.options, one.budget).label for one in statement.attacks]


def test_every_planned_attack_has_a_result_or_a_reason(statement: Statement) -> None:
    assert {one.attack: bool(one.reason) for one in statement.not_run} == {"query_averaging": True}
    assert {one.attack for one in statement.attacks} == set(FEW) - {"query_averaging"}


@pytest.mark.slow
def test_every_attack_of_the_registry_is_run_or_named(release: Release, tmp_path: Path) -> None:
    said = attack_suite(release, tmp_path / "report", minutes=10, options=SMALLEST)
    missing = [Planned(one.attack, one.options).label for one in said.not_run]
    assert sorted(labels(said) + missing) == sorted(one.label for one in plan(SMALLEST))
    assert {one.name for one in plan(SMALLEST)} == set(REGISTRY.names())
    idle = {"query_averaging", "averaging_decoder", "mask_classifier"}
    assert {one.attack for one in said.not_run} <= idle


def test_the_strongest_learner_is_run_again_with_less_auxiliary_data(
    release: Release, statement: Statement
) -> None:
    auxiliary = release.manifest.splits["auxiliary"].records
    for track in statement.tracks:
        assert [report.auxiliary_records for report in track.curve] == [20, 40, auxiliary]
        assert len({(report.attack, report.split, report.track) for report in track.curve}) == 1
    assert {run.budget for run in statement.attacks} == {None, 20, 40}
    said = "\n".join(statement.tracks[0].findings)
    assert f"With 20 auxiliary records {statement.tracks[0].curve[0].attack} reaches" in said


def test_a_network_sees_as_many_examples_whatever_it_learns_from(statement: Statement) -> None:
    (decoder,) = (run for run in statement.attacks if run.attack == "decoder" and not run.budget)
    assert [(one.budget, one.options["epochs"]) for one in with_less(decoder, 2_000)] == [
        (100, 20),
        (1_000, 2),
    ]


def test_bounds_stand_in_the_statement_or_say_why_not(out: Path, statement: Statement) -> None:
    assert [one.bound for one in statement.bounds] == ["degrees_of_freedom"]
    assert "adds no Gaussian noise" in statement.says_nothing["fisher"]
    assert statement.bounds[0].splits == (statement.split,)
    for shown in (out / "report.md", out / "report.html"):
        text = shown.read_text("utf-8")
        for name, one in statement.bounds[0].measured.items():
            assert name in text
            assert level(one) in text
        assert "fisher is not there: NoneDefense adds no Gaussian noise" in text


def test_bounds_that_the_time_is_not_enough_for_are_named(release: Release, tmp_path: Path) -> None:
    said = attack_suite(release, tmp_path / "report", minutes=0)
    assert set(said.says_nothing) == set(BOUNDS)
    assert all("--minutes" in reason for reason in said.says_nothing.values())


@pytest.mark.slow
def test_errors_of_a_reconstruction_stand_beside_the_floors(
    release_of: MakeRelease, tmp_path: Path
) -> None:
    said = run_few(release_of("gaussian_noise"), tmp_path / "report", minutes=10)
    beside = {report.attack: one for report, one in said.beside_floors}
    assert set(beside) == {"decoder", "nearest_neighbour", "prior"}
    assert {one.bound for one in beside.values()} == {"fisher"}
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    for one in beside.values():
        assert all(level(part) in page for part in (one.floor, one.error, one.ratio))
    finding = next(words for words in said.tracks[1].findings if words.startswith("Bound fisher"))
    assert "unbiased attackers" in finding or "does not go below" in finding


def test_the_least_effort_comes_first_and_every_track_is_covered() -> None:
    order = [one.label for one in plan({})]
    assert order[0].startswith("prior-")
    assert order.index("linear_probe") < order.index("attribute_classifier")
    assert order.index("attribute_classifier") < order.index("raw_image_classifier")
    assert order.index("decoder") < order.index("decoder-capacity=large")
    assert {f"nearest_neighbour-track={track}" for track in Track} <= set(order)
    assert all(REGISTRY.create(one.name, one.options) for one in plan({}))


def test_the_reports_are_what_the_scorer_says_of_the_kept_files(
    release: Release, out: Path, statement: Statement
) -> None:
    for run in statement.attacks:
        assert set(run.predictions) == set(run.reports) == {"validation", "test"}
        printed = score(release, out / run.predictions["test"]).model_dump_json()  # by `--json`
        assert ScoreReport.model_validate_json(printed) == run.reports["test"]


def test_the_strongest_is_chosen_on_validation_and_reported_on_test(statement: Statement) -> None:
    assert statement.split == "test"
    for track in statement.tracks:
        assert track.strongest is not None
        assert track.selected is not None
        rivals = [
            run.reports["validation"].headline.value
            for run in statement.attacks
            if (run.reports["validation"].track, run.reports["validation"].ceiling)
            == (track.track, False)
        ]
        assert track.selected.headline.value == max(rivals)
        assert not track.strongest.ceiling
        assert (track.selected.split, track.strongest.split) == ("validation", "test")
        assert track.strongest.options == track.selected.options


def test_an_attack_without_a_point_on_this_release_is_named(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NearestNeighbour, "unsuited", lambda manifest: "it has no neighbours")
    said = attack_suite(release, tmp_path / "report", minutes=0)
    reasons = {one.attack: one.reason for one in said.not_run}
    assert reasons["nearest_neighbour"] == "it has no neighbours"
    assert "time was up before its turn" in reasons["prior"]


def test_what_finished_is_kept_and_later_time_goes_on(
    release: Release, out: Path, statement: Statement, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    shutil.copytree(out, folder)
    for path in folder.glob("attacks/prior-*.json"):
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("attacks/*.json")}
    said = run_few(release, folder, minutes=0)
    assert len(said.attacks) == len(kept) < len(statement.attacks)
    assert {"prior"} <= {one.attack for one in said.not_run}
    assert any(f"without a result: {len(said.not_run)}." in limit for limit in said.limits)
    again = run_few(release, folder, minutes=10)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [run.reports for run in again.attacks] == [run.reports for run in statement.attacks]


def test_an_attack_that_takes_too_long_is_stopped_and_named(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = Planned("attribute_classifier", {"epochs": 10**9})
    monkeypatch.setattr("leakboard.evaluate.suite.suite.plan", lambda options: [endless])
    (missing,) = attack_suite(release, tmp_path / "a", minutes=0.03).not_run
    assert missing.seconds > 1
    assert "did not finish in the" in missing.reason
    (still,) = attack_suite(release, tmp_path / "a", minutes=0).not_run
    assert still == missing
    assert not list((tmp_path / "a").rglob("*.parquet"))


def test_a_deadline_stops_what_is_in_progress_and_nothing_later() -> None:
    with pytest.raises(TimeIsUp), deadline(0.05):
        time.sleep(30)
    with deadline(0.05):
        pass
    time.sleep(0.1)
    with pytest.raises(TimeIsUp), deadline(0):
        time.sleep(30)


def test_a_report_folder_is_of_one_release(
    release_of: MakeRelease, out: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputExists, match=r"holds the attacks of .* choose another --out"):
        attack_suite(release_of("disco"), out, minutes=0)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists, match="is no report folder"):
        attack_suite(release_of("disco"), tmp_path, minutes=0)


def test_attacks_say_which_defense_gives_them_nothing_to_do(release: Release) -> None:
    manifest = release.manifest
    noisy = manifest.defense.model_copy(update={"name": "gaussian_noise", "randomized": True})
    randomized = manifest.model_copy(update={"defense": noisy})
    assert QueryAveraging.unsuited(manifest)
    assert QueryAveraging.unsuited(randomized) is None
    assert AttributeClassifier.unsuited(manifest) is None


def test_without_the_truth_validation_is_reported_and_said_so(
    release: Release, tmp_path: Path
) -> None:
    shutil.copytree(release.folder, tmp_path / "public")
    public = Release.open(tmp_path / "public")
    said = attack_suite(public, tmp_path / "report", minutes=0)
    assert said.split == "validation"
    assert any("chosen and reported on the same images" in limit for limit in said.limits)
    assert {track.strongest for track in said.tracks} == {None}
    assert all("nothing is known" in track.findings[0] for track in said.tracks)
    with pytest.raises(MissingData, match="name it with --truth DIR"):
        attack_suite(public, tmp_path / "other", minutes=0, split="test")
    asked = attack_suite(public, tmp_path / "asked", minutes=0, truth=default_truth(release.folder))
    assert asked.split == "test"


class Page(HTMLParser):
    """What a browser would find: the tags in their order, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


@pytest.fixture(scope="module")
def page(out: Path) -> Page:
    return Page((out / "report.html").read_text("utf-8"))


def test_the_page_is_whole_and_refers_to_nothing_outside(page: Page) -> None:
    assert page.open == []
    assert not {"script", "link", "iframe", "object", "form", "a"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on")}, tag
        for name in ("src", "href", "srcset", "action", "style"):
            assert (attributes.get(name) or "data:").startswith("data:"), tag
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_the_page_can_be_read_without_seeing_it(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attributes["scope"] in ("row", "col") for attributes in page.all("th"))
    assert len(list(page.all("caption"))) == len(list(page.all("table")))
    alternatives = [attributes["alt"] for attributes in page.all("img")]
    assert all(alternatives)
    assert len(set(alternatives)) == len(alternatives) >= 12
    assert next(page.all("html"))["lang"] == "en"


def test_page_and_markdown_say_what_the_record_says(
    out: Path, statement: Statement, page: Page
) -> None:
    text = (out / "report.md").read_text("utf-8")
    for track in statement.tracks:
        assert track.strongest is not None
        for shown in (text, page.text):
            assert all(number(scored) in shown for scored in track.strongest.scores.values())
        for words in track.findings:
            assert words in page.text
            assert words in text
    for fact in (statement.fingerprint, *statement.reproduce, f"{statement.cost.bytes_sent}"):
        assert fact in text
        assert fact in page.text
    assert all(flag in page.text for flag in statement.flags)


def test_images_that_may_not_be_shown_are_not(
    release: Release, out: Path, statement: Statement
) -> None:
    assert pictures(statement, release, out)
    licence = statement.dataset.licence.model_copy(update={"redistributable": False})
    dataset = statement.dataset.model_copy(update={"licence": licence})
    forbidden = statement.model_copy(update={"dataset": dataset})
    source = html(forbidden, pictures(forbidden, release, out))
    assert not list(Page(source).all("img"))
    assert "data:image" not in source


HOSTILE = "<img src=x onerror=alert(1)> | `a` **b** [c](http://evil.example)\n# d"


def test_a_hostile_name_is_shown_as_text(statement: Statement) -> None:
    task = statement.task.model_copy(update={"name": HOSTILE})
    named = statement.model_copy(update={"task": task, "release": HOSTILE, "limits": (HOSTILE,)})
    shown = Page(html(named, []))
    assert HOSTILE in shown.text
    assert not list(shown.all("img"))
    lines, sound = (markdown(one).splitlines() for one in (named, statement))
    assert not any("<img" in line or re.search(r"(?<!\\)\*\*b", line) for line in lines)
    assert not any(re.search(r"(?<!\\)\]\(", line) for line in lines)
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert sum(columns) == sum(line.count("|") for line in sound)
    assert sum(line.startswith("# ") for line in lines) == 1


@pytest.mark.slow
def test_a_killed_suite_loses_the_attack_in_progress_only(
    release: Release, statement: Statement, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    command = [sys.executable, "-c", SUITE, str(release.folder), str(report)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not list(report.glob("attacks/*.json")):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in report.glob("attacks/*.json")}
    assert not (report / "report.json").exists()
    subprocess.run(command, check=True, capture_output=True)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    said = Statement.parse(json.loads((report / "report.json").read_bytes()), "report.json")
    whole = [run.reports for run in statement.attacks if run.budget is None]
    assert all(reports in [run.reports for run in said.attacks] for reports in whole)
    assert len(said.attacks) + len(said.not_run) == len(plan(SMALLEST))
