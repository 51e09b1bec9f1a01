"""What the documents say: commands that parse, links that lead, pages and tables that agree."""

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
from leakboard.schemas import Release, public_columns, read_configs
from leakboard.schemas.scores import HEADLINE

from .pages import PAGES, anchors, blocks, links
from .sources import PYPROJECT, ROOT

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
COMMANDS = sorted(
    {
        command
        for page in PAGES
        for block in blocks(page)
        for line in block.commands
        for command in re.findall(r"^(?:\S*/)?leakboard (.*)$", line)
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
def test_every_target_of_make_that_is_named_exists(page: Path) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z][\w-]*)", page.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= set(targets)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Files are there, and headings too, named as GitHub and the site name them."""
    for link in links(page):
        target, _, anchor = link.partition("#")
        led = (page.parent / target).resolve() if target else page
        assert led.exists(), link
        assert not anchor or anchor in anchors(led), link


@each_page
def test_a_page_of_the_site_links_to_pages_of_the_site(page: Path) -> None:
    if page.parent.name == "docs":
        assert not [link for link in links(page) if link.startswith("..")]


def test_every_page_is_in_the_navigation() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = re.findall(r"^([\w-]+)$", index, re.MULTILINE)
    under = {"api-schemas", "api-generate", "api-evaluate", "api-leaderboard"}
    assert sorted({*listed, *under}) == sorted(
        page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index"
    )


def test_tests_that_are_named_are_there() -> None:
    for page in PAGES:
        for path, names in re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)*)`", page.read_text("utf-8")):
            source = (ROOT / path).read_text("utf-8")
            for name in names.split("::")[1:]:
                assert re.search(rf"^ *(?:def|class) {name}\b", source, re.MULTILINE), name


def test_the_tables_of_the_results_are_what_the_files_say() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_results.py"))
    text = generator["PAGE"].read_text("utf-8")
    assert text == generator["page"](), "run docs/generate_results.py again"
    for path in (ROOT / "docs" / "results").glob("*.json"):
        assert f"<!-- from results/{path.name}" in text, "a file without a place on the page"


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


def test_the_first_page_explains_the_table_of_the_readme() -> None:
    explained = (ROOT / "docs" / "start.md").read_text("utf-8")
    table = re.findall(r"```text\n(.*?)```", explained, re.DOTALL)[0]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(map(str.rstrip, table.splitlines())) <= set(map(str.rstrip, readme.splitlines()))


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {PYPROJECT['project']['version']}\n" in citation
