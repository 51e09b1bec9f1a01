"""Write examples/*.ipynb from the scripts beside them: `python docs/generate_notebooks.py`.

No outputs are kept: they would show one run of one machine.
"""

from pathlib import Path

import jupytext
from jupytext.config import JupytextConfiguration

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT_ONLY = "command-line"  # the tag of a cell that a notebook has no use for
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def scripts() -> list[Path]:
    """The files that are written as cells; what they import is not."""
    return [path for path in sorted(EXAMPLES.glob("*.py")) if "\n# %%\n" in path.read_text("utf-8")]


def notebook(script: Path) -> str:
    """The notebook of a script, as JSON."""
    text = script.read_text("utf-8").replace("import argparse\n", "")
    made = jupytext.reads(text, fmt="py:percent", config=JupytextConfiguration())
    made.cells = [cell for cell in made.cells if SCRIPT_ONLY not in cell.metadata.get("tags", ())]
    for number, cell in enumerate(made.cells):
        cell["id"] = f"{script.stem.replace('_', '-')}-{number}"
    made.metadata = {"kernelspec": KERNEL}
    return f"{jupytext.writes(made, fmt='ipynb')}\n"


if __name__ == "__main__":
    for path in scripts():
        path.with_suffix(".ipynb").write_text(notebook(path), "utf-8")
