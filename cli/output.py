"""Tables for terminals: every number with its interval, its n and its direction."""

from collections.abc import Sequence

from ..schemas import Direction, Score, ScoreReport

ARROW = {Direction.HIGHER_LEAKS_MORE: "↑", Direction.LOWER_LEAKS_MORE: "↓"}


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
        f"{report.release}, {report.split} (n = {n} images), {report.track} track, "
        f"setting {report.setting}; 95 % intervals over subjects"
    )
    seen = [
        f"{judge.name} (sha256 {judge.sha256[:12]}…) looked for {judge.probes} probes in a gallery "
        f"of {judge.gallery} people: rank1 at chance is {judge.chance:.4f}, tar_at_far is over "
        f"{judge.impostor_pairs} impostor pairs"
        for judge in report.judges
    ]
    flags = [f"flag: {flag}" for flag in report.flags]
    return "\n".join([facts, columns([head, *rows]), *seen, *flags])
