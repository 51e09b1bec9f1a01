"""What a suite's reports say, in plain words: the leakage statement, without its layout."""

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from ...schemas import Manifest, Release, Score, ScoreReport, Setting, Track
from ...schemas.bounds import Measured, ReleaseBounds
from ...schemas.floors import BesideFloor, Level
from ...schemas.records import QUERIES, PublicSplit
from ...schemas.statement import AttackRun, NotRun, Statement, TrackStatement
from .planning import by_strength, learning_curve


def state(
    release: Release,
    split: PublicSplit,
    runs: Sequence[AttackRun],
    not_run: Sequence[NotRun],
    bounds: ReleaseBounds,
    made: datetime,
) -> Statement:
    """Gather the statement about `split` from the finished runs, what is missing, and the bounds.

    `made` is an aware time. The strongest attack of a track is the one with the best headline score
    on validation.
    """
    manifest, measured = release.manifest, release.measurements
    tracks = tuple(_track(manifest, track, split, runs) for track in Track)
    return Statement(
        made=made.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        release=manifest.name,
        fingerprint=manifest.fingerprint,
        config_id=manifest.config_id,
        seed=manifest.seed,
        scale=manifest.scale,
        dataset=manifest.dataset,
        task=manifest.task,
        sensitive=manifest.sensitive,
        client=manifest.client,
        defense=manifest.defense,
        split=split,
        images=manifest.splits[split],
        auxiliary=manifest.splits["auxiliary"],
        utility=measured.utility[split],
        cost=measured.cost,
        tracks=tracks,
        attacks=tuple(runs),
        not_run=tuple(not_run),
        bounds=tuple(one.report for one in bounds.measured),
        says_nothing=bounds.says_nothing,
        flags=tuple(_flags(split, runs)),
        limits=tuple(_limits(manifest, split, not_run)),
        reproduce=tuple(_commands(release, split, tracks)),
        release_versions=manifest.versions,
        leakboard_version=version("leakboard"),
    )


def _of(track: Track, runs: Sequence[AttackRun]) -> list[AttackRun]:
    return [run for run in runs if run.reports["validation"].track is track]


def _track(
    manifest: Manifest, track: Track, split: PublicSplit, runs: Sequence[AttackRun]
) -> TrackStatement:
    strongest = next(iter(by_strength(runs, track)), None)
    ceilings = [run.reports[split] for run in _of(track, runs) if run.reports[split].ceiling]
    if strongest is None:
        return TrackStatement(
            track=track,
            strongest=None,
            selected=None,
            ceilings=tuple(ceilings),
            findings=(f"No attack of the {track} track finished, so nothing is known about it.",),
        )
    report = strongest.reports[split]
    find = _about_attribute if track is Track.ATTRIBUTE else _about_reconstruction
    curve = tuple(run.reports[split] for run in learning_curve(runs, track))
    findings = [*find(manifest, report), *_about_data(curve), *map(_about_ceiling, ceilings)]
    return TrackStatement(
        track=track,
        strongest=report,
        selected=strongest.reports["validation"],
        ceilings=tuple(ceilings),
        curve=curve,
        findings=tuple(findings),
    )


def _about_attribute(manifest: Manifest, report: ScoreReport) -> Iterator[str]:
    name, top1 = manifest.sensitive.name, report.headline
    yield (
        f"The strongest attack that finished, {report.attack}, names the attribute {name} "
        f"correctly for {_percent(top1)} of the images."
    )
    guesses = {anchor: scores[top1.metric].value for anchor, scores in report.anchors.items()}
    listed = ", ".join(f"{anchor} {100 * value:.1f} %" for anchor, value in guesses.items())
    yield f"Guesses that do not look at the activation are right for: {listed}."
    advantages = [s for metric, s in report.scores.items() if metric.startswith("advantage_over_")]
    least = min(advantages, key=lambda score: score.value)
    points = (
        f"{100 * least.value:.1f} percentage points (95 % interval {100 * least.low:.1f} to "
        f"{100 * least.high:.1f})"
    )
    if least.low > 0:
        yield f"So the activation gives {name} away: {points} above the best of these guesses."
    else:
        yield (
            f"Its distance from the best of these guesses is {points}, which does not exclude "
            f"zero: this shows neither that the activation gives {name} away nor that it does not."
        )


def _about_reconstruction(manifest: Manifest, report: ScoreReport) -> Iterator[str]:
    ssim = report.headline
    mean, thumbnail = (report.anchors[a][ssim.metric] for a in ("mean_image", "thumbnail_8x8"))
    yield (
        f"The strongest attack that finished, {report.attack}, rebuilds the images with a mean "
        f"SSIM of {number(ssim)}, n = {ssim.n:,}, where 1 is an exact copy."
    )
    yield (
        f"For comparison: the mean image, which needs no activation, has {mean.value:.3f}; each "
        f"image shrunk to 8 x 8 pixels has {thumbnail.value:.3f}."
    )
    if ssim.low > thumbnail.high:
        yield "So the activation gives the images away, more clearly than an 8 x 8 thumbnail would."
    elif ssim.low > mean.high:
        yield (
            "So the activation shows of each image more than what all have in common; not "
            "demonstrably more than an 8 x 8 thumbnail would."
        )
    else:
        yield (
            "It does not demonstrably surpass the mean image: this shows neither that the "
            "activation gives the images away nor that it does not."
        )
    for beside in report.floors:
        yield f"{_about_floor(beside)} {_about_bias(report, beside)}"


def _about_floor(beside: BesideFloor) -> str:
    queries = f"{QUERIES} queries of an image" if beside.repeated else "one query of an image"
    return (
        f"Bound {beside.bound}: without prior knowledge nobody who sees {queries} rebuilds it with "
        f"a root mean square error below {level(beside.floor)} grey levels; this attack has "
        f"{level(beside.error)} (medians, n = {beside.n:,})."
    )


def _about_bias(report: ScoreReport, beside: BesideFloor) -> str:
    if not beside.beaten:
        return "It does not go below the bound."
    if report.setting is Setting.WHITEBOX:
        return (
            "It goes below the bound, which holds for unbiased attackers: alarm, since it learned "
            "from no pairs. Either what it assumes of images biases it, or the bound is wrong."
        )
    return (
        "It goes below the bound, as it may: the bound holds for unbiased attackers, and this one "
        "learned from pairs what images look like."
    )


def level(one: Level | Measured) -> str:
    """Print a number that may be infinite with its 95 % interval.

    >>> level(Level(value=12.34, low=9.0, high=float("inf")))
    '12.3 (9 to inf)'
    """
    return f"{one.value:.3g} ({one.low:.3g} to {one.high:.3g})"


def _about_data(curve: Sequence[ScoreReport]) -> Iterator[str]:
    if len(curve) > 1:
        least, most = curve[0], curve[-1]
        yield (
            f"With {least.auxiliary_records:,} auxiliary records {most.attack} reaches "
            f"{number(least.headline)}, with {most.auxiliary_records:,} it reaches "
            f"{number(most.headline)}."
        )


def _about_ceiling(report: ScoreReport) -> str:
    score = report.headline
    shown = _percent(score) if report.track is Track.ATTRIBUTE else f"SSIM {number(score)}"
    return f"Yardstick {report.attack}, which reads the images themselves: {shown}."


def _percent(score: Score) -> str:
    low, high = 100 * score.low, 100 * score.high
    return f"{100 * score.value:.1f} % (95 % interval {low:.1f} to {high:.1f} %, n = {score.n:,})"


def number(score: Score) -> str:
    """Print a score with its 95 % interval.

    >>> number(Score(metric="ssim", value=0.5, low=0.4, high=0.6, n=100,
    ...              direction="higher leaks more", metric_version=1))
    '0.500 (0.400 to 0.600)'
    """
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"


def _limits(manifest: Manifest, split: PublicSplit, not_run: Sequence[NotRun]) -> Iterator[str]:
    yield (
        "These are lower bounds: a stronger attack, or an attacker with more data, may read more. "
        "A low number is no proof that nothing leaks."
    )
    yield (
        f"They hold for images like those of {manifest.dataset.name}. Other people, cameras or "
        "scenes may leak more or less."
    )
    yield (
        "Whoever holds the client's weights and an image can check whether an activation belongs "
        "to it; where the images are public, looking up all of them defeats most defenses."
    )
    yield (
        f"Only the attribute {manifest.sensitive.name} and the image itself were attacked; other "
        "attributes, and who is pictured, may leak too."
    )
    yield (
        f"One network was measured, of seed {manifest.seed}: trained again, it may leak more or "
        "less. The intervals are over images and the people in them, not over seeds."
    )
    if manifest.scale != "paper":
        yield f"It was made at {manifest.scale} scale, smaller than what the paper describes."
    if split == "validation":
        yield (
            "The answers of test were not used, so the strongest attack was chosen and reported on "
            "the same images, which flatters it a little."
        )
    if not_run:
        yield (
            f"Attacks without a result: {len(not_run)}. What they would have read is not known, "
            "and it is not zero."
        )


def _flags(split: PublicSplit, runs: Sequence[AttackRun]) -> Iterator[str]:
    raised: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for flag in run.reports[split].flags:
            raised[flag].append(run.attack)
    for flag, attacks in raised.items():
        yield f"{', '.join(dict.fromkeys(attacks))}: {flag}"


def _commands(
    release: Release, split: PublicSplit, tracks: Sequence[TrackStatement]
) -> Iterator[str]:
    folder = release.folder.name
    yield shlex.join(["leakboard", "verify", folder])
    yield shlex.join(["leakboard", "attack-suite", folder, "--split", split, "--out", "report"])
    for report in (track.strongest for track in tracks if track.strongest):
        path = f"strongest-{report.track}.parquet"
        options = [part for k, v in report.options.items() for part in ("--set", f"{k}={v}")]
        options += [] if report.asked is None else ["--images", str(report.asked)]
        command = ["leakboard", "attack", report.attack, folder, "--split", split, *options]
        yield shlex.join([*command, "--out", path])
        yield shlex.join(["leakboard", "score", folder, path, "--json"])
