"""The documents as tests read them: pages, their blocks in order, their links and anchors."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .sources import ROOT

OURS = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md")  # beside them may lie anybody's notes
PAGES = sorted([*(ROOT / name for name in OURS), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(
    r"(?:^`(?P<file>[\w/.-]+)`\n\n)?"
    r"(?:^<!-- (?P<aside>[^\n]*) -->\n)?"
    r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
INCLUDED = re.compile(r"^```\{include\} (\S+)$", re.MULTILINE)
LINK = re.compile(r"\]\(((?!https?://)[^)\s]*)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the file it is to be saved as, and the comment right above it, if any."""

    language: str
    text: str
    file: str | None
    aside: str | None

    @property
    def not_run(self) -> str | None:
        """Why no test runs it; None where one does."""
        aside = self.aside or ""
        return aside.removeprefix("not run: ") if aside.startswith("not run: ") else None

    @property
    def exit_code(self) -> int:
        """What its last command exits with."""
        return int((self.aside or "exits with 0").removeprefix("exits with "))

    @property
    def commands(self) -> list[str]:
        """The lines a reader would type, without remarks."""
        if self.language not in ("console", "bash"):
            return []
        return [line.partition("   #")[0].strip() for line in self.text.splitlines() if line]


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, from top to bottom."""
    found = BLOCK.finditer(page.read_text("utf-8"))
    return [Block(m["language"], m["text"], m["file"], m["aside"]) for m in found]


def prose(page: Path) -> str:
    """The page without its blocks of code and its comments."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def links(page: Path) -> list[str]:
    """Where a page points to within the repository."""
    return LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, with those of the pages it includes."""
    names: Counter[str] = Counter()
    included = INCLUDED.findall(page.read_text("utf-8"))
    found = {name for path in included for name in anchors(page.parent / path)}
    for heading in HEADING.findall(prose(page)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{name}-{names[name]}" if names[name] else name)
        names[name] += 1
    return found
