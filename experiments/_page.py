"""A table as Markdown: our numbers with their intervals beside the paper's, and notes."""

from collections.abc import Iterator, Sequence

from ..schemas import Track
from ..schemas.config import Scale
from ..schemas.records import QUERIES
from ._estimates import track_of
from ._markdown import chance, spread, table
from ._rows import Asking, Filled, Line, Number, Table

NOT_RUN = "not run yet"
NO_MORE = "undefended gives no more"
TITLES = {
    "utility": "utility ↑",
    "top1": "leakage (top-1) ↓",
    "ssim": "SSIM ↓",
    "psnr": "PSNR, dB ↓",
    "l1": "l1 in [0, 1] ↑",
}


def markdown(whole: Table, blocks: Sequence[Filled], scale: Scale) -> Iterator[str]:
    yield f"# {whole.name}, {scale} scale\n"
    yield (
        "Means over training runs and test images with 95 % intervals over both (hierarchical "
        "bootstrap over subjects; how much runs differ is pooled over the rows of a dataset, and "
        "where no row has two, the intervals are over images alone). The strongest attack of the "
        "fixed protocol was chosen on validation; one that reads more of test is in brackets. "
        "Arrows say which way is better for the people in the images."
    )
    for block in blocks:
        yield f"\n## {block.title}\n"
        yield from section(whole.measures, block, whole.beside)
    yield from (f"- {note}" for note in whole.notes)


def section(measures: Sequence[str], block: Filled, beside: str) -> Iterator[str]:
    """The table of one dataset, its yardsticks and its notes, without a heading."""
    printed = [name for name in TITLES if any(name in one.paper for one in block.lines)]
    names = ("utility", *measures)
    attribute = track_of(measures[0]) is Track.ATTRIBUTE
    first = TITLES[measures[0]].split()[0]
    head = ["method", *(TITLES[name] for name in names), f"{first} over {beside}"]
    head += ["above a guess", "different?", f"{first}, each run"]
    head += ["strongest attack"] if attribute else []
    head += [f"paper: {TITLES[name]}" for name in printed]
    yield table(head, (_cells(one, names, printed, attribute) for one in block.lines))
    n = max((one.n for one in block.lines), default=0)
    anchors = ", ".join(f"{name} {_number(score)}" for name, score in block.anchors.items())
    yield f"n = {n} test images. Yardsticks, not attacks: {anchors or NOT_RUN}.\n"
    if block.asking:
        yield from _asked(block.asking)
    yield from (f"- {note}" for note in block.notes)
    yield from _verdicts(block)
    yield from _flags(block)
    if attribute:
        yield from _proxies(block)


def _cells(one: Line, names: Sequence[str], printed: Sequence[str], attribute: bool) -> list[str]:
    cells = [one.method, *(_number(one.numbers.get(name)) for name in names)]
    cells += [*_comparison(one), _by_run(one)]
    cells += [_strongest(one)] if attribute else []
    return cells + [f"{one.paper[name]:g}" if name in one.paper else "" for name in printed]


def _number(number: Number | None) -> str:
    return NOT_RUN if number is None else spread(number, ".3f")


def _comparison(one: Line) -> tuple[str, str, str]:
    if one.compared is None:
        return "", "", ""
    found = one.compared
    verdict = "less" if found.less else "more" if found.more else "not shown"
    p = found.p_adjusted
    said = "one run each" if p is None else f"{verdict}, {chance(p)}"
    above = NO_MORE if found.above is None else _number(found.above)
    return _number(found.ratio), above, said


def _by_run(one: Line) -> str:
    """What each run has, and how many of those asked for are done."""
    asked = len(one.seeds) + len(one.missing)
    listed = " ".join(f"{value:.3f}" for value in one.by_run)
    return f"{listed} ({len(one.seeds)} of {asked})".strip()


def _strongest(one: Line) -> str:
    """The attack that validation chose, and one that reads more of test."""
    if not one.strongest:
        return NOT_RUN
    best = max(one.attacks, key=lambda name: one.attacks[name])
    more = "" if best in one.strongest else f" ({best} {one.attacks[best]:.3f})"
    return f"{', '.join(one.strongest)}{more}"


def _verdicts(block: Filled) -> Iterator[str]:
    """Say where a defense has not been shown to leak less than the row it stands beside."""
    known = [one for one in block.lines if one.compared and one.compared.p_adjusted is not None]
    idle = [one.method for one in known if one.compared and not one.compared.less]
    if idle:
        yield f"- Not shown to leak less than what they stand beside: {'; '.join(idle)}."


def _asked(asking: Asking) -> Iterator[str]:
    """What is read of an image that a random defense is asked about again and again."""
    minus = f"minus {asking.reference}"
    head = ["method", f"asked once (n = {asking.n_once})", minus]
    head += [f"asked {QUERIES} times (n = {asking.n_often})", minus]
    yield table(
        head,
        (
            [
                row.method,
                _number(row.once),
                _signed(row.minus_once),
                _number(row.often),
                _signed(row.minus_often),
            ]
            for row in asking.rows
        ),
    )


def _signed(number: Number | None) -> str:
    return "" if number is None else spread(number, "+.3f")


def _flags(block: Filled) -> Iterator[str]:
    """The scorer's doubts about the strongest attack on each row."""
    doubts: dict[str, list[str]] = {}
    for one in block.lines:
        for flag in one.flags:
            doubts.setdefault(flag, []).append(one.method)
    yield from (f"- Flag: {flag}: {'; '.join(methods)}." for flag, methods in doubts.items())


def _proxies(block: Filled) -> Iterator[str]:
    """What the proxies of training said: how far too optimistic they are."""
    said = {
        one.method: [f"{proxy:.3f}" for proxy in one.proxy_leakage if proxy is not None]
        for one in block.lines
    }
    listed = "; ".join(f"{method} {', '.join(found)}" for method, found in said.items() if found)
    if listed:
        yield (
            "- Top-1 of the proxy adversaries over the last epoch of training, run by run, never "
            f"leakage: {listed}."
        )
