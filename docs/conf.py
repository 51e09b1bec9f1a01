"""The documentation site: `make docs` builds it, and stops at the first warning.

Nothing is fetched: fonts are the reader's, formulas are MathML, pictures are files beside pages.
"""

import re
from importlib.metadata import version as installed
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

project = "Leakboard"
author = "The Leakboard authors"
copyright = "the Leakboard authors. Apache-2.0"
version = release = installed("leakboard")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["space", "results"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_disable_syntax = ["myst_line_comment"]  # a line may begin with a per cent sign

default_role = "code"  # `names` in docstrings
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "member-order": "groupwise", "show-inheritance": True}

html_theme = "furo"
html_title = "Leakboard"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


FIRST = re.compile(r"^\w+  +(?=\S)")  # of a docstring's list: `name   what it is`


def setup(app: Sphinx) -> None:
    """Draw formulas as MathML, which browsers know without a script from elsewhere."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.connect("autodoc-process-docstring", _list_attributes)


def _list_attributes(_app: Sphinx, *about: Any) -> None:
    """Make a docstring's aligned list of attributes a list of fields."""
    lines, column = about[-1], 0
    for number, line in enumerate(lines):
        first = FIRST.match(line)
        column = first.end() if first else column if line else 0
        name, meaning = line[:column].strip(), line[column:]
        if name and not line.startswith(" "):
            lines[number] = f":{name}: {meaning}"


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _display(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode
