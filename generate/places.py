"""Where a release goes: its trees while they are built and when they are named, and its truth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..schemas import Manifest, OutputExists, default_truth
from ..schemas.files import HALF_WRITTEN, write_text
from ..schemas.manifest import Format
from .recipes.recipe import recipe_home


@dataclass(frozen=True)
class Places:
    """Where a release goes: one public tree per format, and the organiser's truth."""

    trees: Mapping[Format, Path]
    truth: Path

    @classmethod
    def of(cls, out: Path, truth: Path | None, formats: Sequence[Format]) -> "Places":
        """Parquet goes to `out`, WebDataset to `<out>-wds`, the truth to `<out>-truth`."""
        homes: dict[Format, Path] = {
            "parquet": out,
            "webdataset": out.with_name(f"{out.name}-wds"),
        }
        return cls({kind: homes[kind] for kind in formats}, truth or default_truth(out))

    @property
    def partial(self) -> dict[Format, Path]:
        """The public trees while they are being built."""
        return {k: tree.with_name(f"{tree.name}.partial") for k, tree in self.trees.items()}

    @property
    def primary(self) -> Path:
        """The tree in which the weights are written first."""
        return next(iter(self.partial.values()))

    def take_back(self) -> None:
        """Go on with a run that was stopped while it named its trees, the primary one last."""
        if not (self.primary / "manifest.json").is_file():
            return
        made = Manifest.read(self.primary).fingerprint
        for kind, tree in self.trees.items():
            named = (tree / "manifest.json").is_file() and not self.partial[kind].exists()
            if named and Manifest.read(tree).fingerprint == made:
                tree.rename(self.partial[kind])

    def refuse_existing(self) -> None:
        """Raise `OutputExists` where a release is there already: nothing is ever replaced."""
        for tree in self.trees.values():
            refuse_existing(tree)
            if recipe_home(tree).exists() and not self.primary.exists():
                raise OutputExists(f"{recipe_home(tree)} is there already; choose another --out")
        if (self.truth / "truth.json").exists() and not self.primary.exists():
            raise OutputExists(f"{self.truth} holds another release's truth; choose another --out")

    def claim(self, recipe: Mapping[str, object]) -> None:
        """Start, or continue the stopped run of the same recipe."""
        note = self.primary / "recipe.json"
        content = json.dumps(recipe, indent=2, sort_keys=True) + "\n"
        if note.exists() and note.read_text() != content:
            raise OutputExists(
                f"{self.primary} holds an unfinished release of another recipe; "
                "finish that one, or remove the folder"
            )
        if not note.exists():
            write_text(note, content)

    def publish(self) -> None:
        """Give the finished trees their names, once what stopped runs left half-written is gone."""
        for tree in (*self.partial.values(), self.truth):
            for left in tree.rglob(HALF_WRITTEN):
                left.unlink()
        for kind in reversed(list(self.trees)):
            tree = self.partial[kind]
            (tree / "recipe.json").unlink(missing_ok=True)
            if self.trees[kind].exists():
                self.trees[kind].rmdir()
            tree.rename(self.trees[kind])


def refuse_existing(tree: Path) -> None:
    """Raise `OutputExists` where a tree cannot be given its name, since something is there."""
    if (tree / "manifest.json").is_file():
        raise OutputExists(
            f"{tree} is a finished release, which stays as it is: check it with `leakboard verify "
            f"{tree}`, or choose another --out"
        )
    if tree.exists() and (not tree.is_dir() or any(tree.iterdir())):
        raise OutputExists(f"{tree} exists and is not empty; choose another --out")
