"""A table as Markdown: our numbers with their intervals beside the paper's, and notes."""

from collections.abc import Iterator, Sequence

from ..schemas.config import Scale
from ..schemas.records import QUERIES
from ._markdown import chance, spread, table
from ._rows import Filled, Line, Number, Table

NOT_RUN = "not run yet"
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
        "Means over training seeds and test images with 95 % intervals over both (hierarchical "
        "bootstrap over subjects; with a single seed over images alone). The strongest attack of "
        "the fixed protocol was chosen on validation. Arrows say which way is better for the "
        "people in the images."
    )
    for block in blocks:
        yield f"\n## {block.title}\n"
        yield from section(whole.measures, block, whole.beside)
    yield from (f"- {note}" for note in whole.notes)


def section(measures: Sequence[str], block: Filled, beside: str) -> Iterator[str]:
    """The table of one dataset, its yardsticks and its notes, without a heading."""
    printed = [name for name in TITLES if any(name in one.paper for one in block.lines)]
    names = ("utility", *measures)
    first = TITLES[measures[0]].split()[0]
    head = ["method", *(TITLES[name] for name in names), f"{first} over {beside}"]
    head += ["above a guess", "different?", "strongest attack", "seeds"]
    head += [f"paper: {TITLES[name]}" for name in printed]
    yield table(head, (_cells(one, names, printed) for one in block.lines))
    n = max((one.n for one in block.lines), default=0)
    anchors = ", ".join(f"{name} {_number(score)}" for name, score in block.anchors.items())
    yield f"n = {n} test images. Yardsticks, not attacks: {anchors or NOT_RUN}.\n"
    yield from (f"- {note}" for note in block.notes)
    yield from _verdicts(block)
    yield from _repeated(block)
    yield from _each_attack(block)
    yield from _proxies(block)


def _cells(one: Line, names: Sequence[str], printed: Sequence[str]) -> list[str]:
    cells = [one.method, *(_number(one.numbers.get(name)) for name in names)]
    cells += [*_comparison(one), ", ".join(one.strongest) or NOT_RUN, _count(one)]
    return cells + [f"{one.paper[name]:g}" if name in one.paper else "" for name in printed]


def _number(number: Number | None) -> str:
    return NOT_RUN if number is None else spread(number, ".3f")


def _comparison(one: Line) -> tuple[str, str, str]:
    if one.compared is None:
        return "", "", ""
    found = one.compared
    verdict = "less" if found.less else "more" if found.more else "not shown"
    scope = " of these networks" if found.seeds == 1 and (found.less or found.more) else ""
    said = f"{verdict}{scope}, {chance(found.p_adjusted)}"
    return _number(found.ratio), _number(found.above), said


def _count(one: Line) -> str:
    asked = len(one.seeds) + len(one.missing)
    return f"{len(one.seeds)} of {asked}"


def _verdicts(block: Filled) -> Iterator[str]:
    """Say where a defense has not been shown to leak less than the row it stands beside."""
    idle = [one.method for one in block.lines if one.compared and not one.compared.less]
    if idle:
        yield f"- Not shown to leak less than what they stand beside: {'; '.join(idle)}."


def _repeated(block: Filled) -> Iterator[str]:
    """What is read of an image that a random defense is asked about again and again."""
    said = [
        f"{one.method} {spread(one.repeated, '.3f')}, n = {one.repeated_n}"
        for one in block.lines
        if one.repeated
    ]
    if said:
        yield f"- Of the images that were asked about {QUERIES} times: {'; '.join(said)}."


def _each_attack(block: Filled) -> Iterator[str]:
    """What the weaker attacks read, whose intervals are on the board."""
    said = {
        one.method: ", ".join(f"{name} {value:.3f}" for name, value in one.attacks.items())
        for one in block.lines
        if len(one.attacks) > 1
    }
    if said:
        listed = "; ".join(f"{method}: {found}" for method, found in said.items())
        yield f"- Every attack, mean over seeds: {listed}."


def _proxies(block: Filled) -> Iterator[str]:
    """What the proxies of training said: how far too optimistic they are."""
    said = {
        one.method: [f"{proxy:.3f}" for proxy in one.proxy_leakage if proxy is not None]
        for one in block.lines
    }
    listed = "; ".join(f"{method} {', '.join(found)}" for method, found in said.items() if found)
    if listed:
        yield (
            "- Proxy adversaries over the last epoch of training, seed by seed, never leakage: "
            f"{listed}."
        )
