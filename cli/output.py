"""What commands say and where they write: every number with its interval, n and direction."""

from collections.abc import Sequence
from pathlib import Path

from ..schemas import Comparison, ComparisonReport, Direction, OutputExists, Score, ScoreReport
from ..schemas.floors import BesideFloor
from ..schemas.records import QUERIES

ARROW = {Direction.HIGHER_LEAKS_MORE: "↑", Direction.LOWER_LEAKS_MORE: "↓"}


def refuse_existing(path: Path | None, option: str = "--out") -> None:
    """Raise `OutputExists` where `path` is taken, before any work: nothing is ever replaced."""
    if path is not None and path.exists():
        raise OutputExists(f"{path} exists; remove it, or choose another {option}")


def counted(count: int, noun: str, several: str | None = None) -> str:
    """Print a number with its noun.

    >>> counted(1, "record"), counted(2, "record"), counted(0, "entry", "entries")
    ('1 record', '2 records', '0 entries')
    """
    return f"{count} {noun if count == 1 else several or noun + 's'}"


def interval(score: Score) -> str:
    """Print a score with its 95 % interval.

    >>> interval(Score(metric="top1", value=0.5, low=0.4, high=0.6, n=100,
    ...                direction="higher leaks more", metric_version=1))
    '0.500 (0.400 to 0.600)'
    """
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of text in columns.

    >>> print(columns([["a", "1"], ["bcd", "22"]]))
    a    1
    bcd  22
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def score_table(report: ScoreReport) -> str:
    """Lay out a report: a row per metric, the attack first, then the anchors."""
    anchors = list(report.anchors)
    head = ["metric", "leaks more", report.attack, *anchors]
    rows = [
        [
            name,
            ARROW[score.direction],
            interval(score),
            *(
                interval(report.anchors[a][name]) if name in report.anchors[a] else "-"
                for a in anchors
            ),
        ]
        for name, score in report.scores.items()
    ]
    n = next(iter(report.scores.values())).n
    facts = (
        f"{report.release}, {report.split} (n = {counted(n, 'image')}), {report.track} track, "
        f"setting {report.setting}; 95 % intervals over subjects"
    )
    seen = [
        f"{judge.name} (sha256 {judge.sha256[:12]}…) looked for {judge.probes} probes in a gallery "
        f"of {judge.gallery} people: rank1 at chance is {judge.chance:.4f}, tar_at_far is over "
        f"{judge.impostor_pairs} impostor pairs"
        for judge in report.judges
    ]
    again = report.repeated
    seen += [f"{again.metric} is over the {again.n} images asked {QUERIES} times"] if again else []
    flags = [f"flag: {flag}" for flag in report.flags]
    floors = [_beside(one) for one in report.floors]
    return "\n".join([facts, columns([head, *rows]), *seen, *floors, *flags])


def _beside(one: BesideFloor) -> str:
    """Say how an attack stands to a floor."""
    error, floor, ratio = one.error, one.floor, one.ratio
    seen = f"{QUERIES} queries" if one.repeated else "one query"
    return (
        f"root mean square error {error.value:.3g} ({error.low:.3g} to {error.high:.3g}) grey "
        f"levels, {one.bound} floor for who sees {seen} {floor.value:.3g} ({floor.low:.3g} to "
        f"{floor.high:.3g}): squared error {ratio.value:.3g} ({ratio.low:.3g} to {ratio.high:.3g}) "
        f"of the least of an unbiased estimator (n = {one.n} images)"
    )


def comparison_table(report: ComparisonReport) -> str:
    """Lay out a comparison: a row per metric, the verdict last."""
    named = report.a.attack != report.b.attack
    a, b = (report.a.attack, report.b.attack) if named else ("a", "b")
    head = ["metric", "leaks more", a, b, "difference", "p (Holm)", "can show", "verdict"]
    rows = [_comparison_row(name, one, a, b) for name, one in report.metrics.items()]
    facts = (
        f"{report.release}, {report.split} (n = {counted(report.n, 'image')} of "
        f"{counted(report.subjects, 'subject')}), "
        f"{report.track} track; paired on the same images, 95 % intervals over subjects"
    )
    return "\n".join([facts, columns([head, *rows])])


def _comparison_row(name: str, one: Comparison, a: str, b: str) -> list[str]:
    verdict = {None: "tied", "a": f"{a} leaks more", "b": f"{b} leaks more"}[one.leaks_more]
    return [
        name,
        ARROW[one.a.direction],
        interval(one.a),
        interval(one.b),
        f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})",
        f"{one.p_adjusted:.3f}",
        "-" if one.detectable is None else f"{one.detectable:.3f}",
        verdict,
    ]
