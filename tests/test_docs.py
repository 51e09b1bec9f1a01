"""What the documents say: commands that parse, code that runs, pages and tables that agree."""

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from leakboard.cli import cli
from leakboard.evaluate import score
from leakboard.evaluate.attacks import REGISTRY
from leakboard.generate.splits import SHARES
from leakboard.leaderboard import Board
from leakboard.schemas import Release, Track, public_columns, read_configs
from leakboard.schemas.scores import HEADLINE

from .sources import PYPROJECT, ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
COMMANDS = sorted(
    {
        command
        for page in PAGES
        for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for command in re.findall(r"^(?:\S*/)?leakboard (.*?)(?: +#.*)?$", block, re.MULTILINE)
    }
)
FORMAT = (ROOT / "docs" / "release-format.md").read_text("utf-8")


def test_the_documents_show_commands() -> None:
    assert {"attack", "generate", "score", "serve", "verify"} <= {c.split()[0] for c in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shown_exists_with_its_options(command: str) -> None:
    name, *arguments = shlex.split(command)
    parent = click.Context(cli, info_name="leakboard", **cli.context_settings)
    context = click.Context(cli.commands[name], parent, name)
    cli.commands[name].parse_args(context, arguments)
    config = context.params.get("config")
    if config is not None and not str(config).startswith("configs/stripes-"):  # the guide's own
        read_configs(ROOT / config, tuple(context.params["changes"]))


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    shown = re.sub(r"<!--.*?-->", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", shown):
        assert (page.parent / target).exists(), target


def test_the_command_line_page_is_what_the_help_says() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_command_line.py"))
    assert generator["PAGE"].read_text("utf-8") == generator["page"](), "run the generator again"


def test_the_records_described_are_the_records_released() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \|", FORMAT, re.MULTILINE)
    assert tuple(name for name, _ in rows) == public_columns("auxiliary")
    assert tuple(name for name, public in rows if public == "yes") == public_columns("test")


def test_every_attack_is_described() -> None:
    described = (ROOT / "docs" / "attacks.md").read_text("utf-8")
    assert set(REGISTRY.names()) <= set(re.findall(r"`(\w+)`", described))


def test_the_splits_described_are_the_splits_made() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\.\d+) \|", FORMAT, re.MULTILINE)
    assert {name: float(share) for name, share in rows} == SHARES


def test_the_prediction_file_shown_is_scored(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.findall(r"```python\n(.*?)```", FORMAT, re.DOTALL)[1]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "synthetic-none").symlink_to(release.folder)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "release-format.md", "exec"), {})
    report = score(release, tmp_path / "mine.parquet")
    assert report.attack == "my-attack"
    assert report.scores[HEADLINE[report.track]].n == release.manifest.splits["test"].images


def test_a_split_is_streamed_as_the_format_says(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.findall(r"```python\n(.*?)```", FORMAT, re.DOTALL)[0]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "synthetic-none").symlink_to(release.folder)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(compile(code, "release-format.md", "exec"), found)
    assert found["activations"].shape[1:] == release.manifest.client.activation_shape
    assert len(found["loader"].dataset.reader) == release.manifest.splits["auxiliary"].records


def test_a_release_is_read_as_the_readme_says(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cifar10-none").symlink_to(release.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    found: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), found)
    assert getattr(found["activation"], "shape", None) == release.manifest.client.activation_shape
    assert getattr(found["image"], "size", None) == (32, 32)


@pytest.mark.slow
def test_the_loop_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a few drawn faces instead of the images that the reader is asked to bring."""
    readme = (ROOT / "README.md").read_text("utf-8")
    loop = re.findall(r"^leakboard (?!serve|reproduce|.*million)(.*)$", readme, re.MULTILINE)
    few = "configs/synthetic-none.toml --limit 400 --set training.warmup_epochs=1"
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    for command in loop:
        drawn = command.replace("configs/cifar10-none.toml --data SRC", few)
        drawn = drawn.replace("--minutes 60", "--minutes 0.1")
        assert cli.main(shlex.split(drawn), standalone_mode=False) in (None, 0), drawn
    assert {row.report.track for row in Board.open(tmp_path / "board").rows()} == set(Track)


@pytest.mark.slow
def test_the_audit_of_ones_own_model_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a few drawn faces instead of the images that the reader is asked to bring."""
    audit = (ROOT / "docs" / "audit.md").read_text("utf-8")
    models, weights = re.findall(r"```python\n(.*?)```", audit, re.DOTALL)
    (tmp_path / "my_models.py").write_text(models)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(weights, "audit.md", "exec"), {})
    few = "configs/synthetic-none.toml --limit 400"
    for command in re.findall(r"^leakboard (.*)$", audit, re.MULTILINE):
        drawn = command.replace("configs/fairface-none.toml --data SRC", few)
        drawn = drawn.replace("--minutes 60", "--minutes 0.1")
        assert cli.main(shlex.split(drawn), standalone_mode=False) in (None, 0), drawn
    said = (tmp_path / "out" / "mine-report" / "report.md").read_text("utf-8")
    assert "my_models:make_net through features.5" in said


@pytest.mark.slow
def test_submitting_runs_as_the_page_says(
    release: Release,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The organiser's first command comes first; the worker stops when nothing waits."""
    page = (ROOT / "docs" / "submissions.md").read_text("utf-8")
    (tmp_path / "out").mkdir()
    for kind in ("", "-truth"):
        (tmp_path / f"out/cifar10-none{kind}").symlink_to(f"{release.folder}{kind}")
    declared, _secrets = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    auxiliary = release.manifest.splits["auxiliary"].records
    (tmp_path / "out" / "probe.toml").write_text(declared.replace("18000", str(auxiliary)))
    monkeypatch.chdir(tmp_path)
    token, *organiser = re.findall(
        r"^leakboard (.*(?:--board board|--daily).*)$", page, re.MULTILINE
    )
    cli.main(shlex.split(token), standalone_mode=False)
    monkeypatch.setenv("LEAKBOARD_TOKEN", capsys.readouterr().out.strip())
    submitter = re.findall(r"^leakboard ((?!.*--board).*)$", page, re.MULTILINE)
    worker, *checks = organiser
    for command in (*submitter, f"{worker} --drain", *checks):
        assert cli.main(shlex.split(command), standalone_mode=False) in (None, 0), command
    said = capsys.readouterr().out
    assert "it would be accepted" in said
    assert "1 scores, 0 differences" in said
    (row,) = Board.open(tmp_path / "board").rows()
    assert row.submission is not None
    assert row.submission.authors == ("Ada Example",)


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {PYPROJECT['project']['version']}\n" in citation
