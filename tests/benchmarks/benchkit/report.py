"""Figures -> text, Markdown and JSON. Knows how a table looks; does not measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benchkit import charts as drawn
from benchkit.contenders import BASE, CONTROL, OURS
from benchkit.rounds import GroupResult, Result, Settings
from benchkit.servers import HOWS
from benchkit.stats import Row
from benchkit.tables import Held, Table, read
from benchkit.workloads import WORKLOADS

HEADINGS: Final = (
    "workload",
    "app",
    "requests/s",
    "ratio",
    "spread",
    "CPU/request",
    "CPU ratio",
    "busy",
    "others",
)
BUSY_ENOUGH: Final = 0.9
"""Below this share of its core a server waited for the load generator: then the CPU ratio is the figure to read."""
QUIET: Final = 0.05
"""Above this share of the servers' core, other processes were in the way."""

LEGEND: Final = """\
`ratio` is requests/s against `raw` in the same round, median over the rounds; `spread` its lowest and highest; `CPU ratio` the
same for CPU time a request, so lower is better there. `raw again` is the raw app served a second time: how far it is from 1.00
is the noise under every other figure. `busy` is the share of the time in which the server had work, `others` what foreign
processes took of its core meanwhile. All servers of a table are alive together; slices of load rotate over them. Robyn and Sanic run
on servers of their own. A message of `echo` counts as a request. Memory over many requests and of large bodies is in
[long runs](long-runs.md) and [how it grows](growth.md)."""


@dataclass(slots=True)
class Report:
    """One run: what it stands on and what came out."""

    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    client: str
    settings: Settings
    budget: float | None = None
    """Least share of raw's requests/s where it is not each workload's own."""
    groups: list[GroupResult] = field(default_factory=list)
    absent: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    """What was measured in process, and of Redis."""

    def budget_of(self, result: Result) -> float:
        return result.workload.budget if self.budget is None else self.budget

    def held(self) -> list[Held]:
        """What is held to another bound than a share of raw's requests/s."""
        found = [each for group in self.groups for each in _against_starlette(group)]
        return found + [each for table in self.tables for each in table.held]

    def as_json(self) -> dict[str, Any]:
        """Everything, in plain JSON values."""
        return {**asdict(self), "groups": [_group_json(group) for group in self.groups]}

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> Report:
        """The report that `as_json` was made of."""
        known = {name: found[name] for name in ("date", "machine", "versions", "client", "budget")}
        return cls(
            **known,
            settings=Settings(**found["settings"]),
            groups=[_group_of(each) for each in found["groups"]],
            absent=[(name, why) for name, why in found["absent"]],
            tables=read(found["tables"]),
        )


def _against_starlette(group: GroupResult) -> list[Held]:
    for result in group.results:
        ratios = {row.name: row.ratio for row in result.rows}
        if result.workload.name == "armored" and {OURS, "starlette"} <= set(ratios):
            what = f"{group.name} armored against Starlette"
            return [Held(what, ratios[OURS] / ratios["starlette"], 3.0, most=False)]
    return []


def _group_json(group: GroupResult) -> dict[str, Any]:
    return {
        "server": group.name,
        "flags": HOWS[group.name].flags,
        "absent": group.absent,
        "workloads": {result.workload.name: [asdict(row) for row in result.rows] for result in group.results},
    }


def _group_of(found: dict[str, Any]) -> GroupResult:
    results = [
        Result(WORKLOADS[name], tuple(Row(**row) for row in rows))
        for name, rows in found["workloads"].items()
    ]
    return GroupResult(found["server"], results, [(name, why) for name, why in found["absent"]])


def cells(workload: str, row: Row) -> list[str]:
    """A row of the table as text."""
    return [
        workload,
        row.name,
        f"{row.rate:,.0f}",
        f"{row.ratio:.3f}",
        f"{row.low:.2f}-{row.high:.2f}",
        f"{row.cpu_micros:.1f} us" if row.cpu_micros else "-",
        f"{row.cpu_ratio:.3f}" if row.cpu_micros else "-",
        f"{row.busy:.0%}" if row.cpu_micros else "-",
        f"{row.foreign:.0%}",
    ]


def table(group: GroupResult) -> list[list[str]]:
    lines = [list(HEADINGS)]
    for result in group.results:
        for number, row in enumerate(result.rows):
            lines.append(cells("" if number else result.workload.name, row))
    return lines


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width for a terminal; all but the first two stand to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned_line(line, widths) for line in lines)


def _aligned_line(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if at < 2 else text.rjust(width)
        for at, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    rule = [":--", ":--", *["--:"] * (len(lines[0]) - 2)][: len(lines[0])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def verdicts(report: Report) -> list[str]:
    """One line for every budget that is missed, and one that says how many were looked at."""
    ours = [
        (f"{group.name} {result.workload.name}", row, noise(result), report.budget_of(result))
        for group in report.groups
        for result in group.results
        for row in result.rows
        if row.name == OURS
    ]
    short = [_verdict(*each) for each in ours if each[1].ratio < each[3]]
    held = report.held()
    missed = [str(each) for each in held if not each.met]
    looked, wrong = len(ours) + len(held), len(short) + len(missed)
    return [*short, *missed, f"{looked - wrong} of {looked} budgets are met."] if looked else []


def noise(result: Result) -> float:
    """How far raw is from itself on this workload."""
    return max((abs(row.ratio - 1) for row in result.rows if row.name == CONTROL), default=0.0)


def _verdict(where: str, row: Row, unsure: float, budget: float) -> str:
    short = budget - row.ratio
    doubt = f"; raw is {unsure:.3f} from itself there, so this is no miss yet" if short <= unsure else ""
    return f"{where}: {row.ratio:.3f} of raw, {short:.3f} below the budget{doubt}"


def warnings(report: Report) -> list[str]:
    """What makes figures of this run weak."""
    results = [result for group in report.groups for result in group.results]
    rows = [row for result in results for row in result.rows]
    found = []
    if results:
        worst = max(map(noise, results))
        found.append(f"raw against raw differs by up to {worst:.3f}: smaller differences mean nothing.")
    if any(row.cpu_micros and row.busy + row.foreign < BUSY_ENOUGH for row in rows if row.name == BASE):
        found.append("The load generator was the limit in part (busy below 90 %): there, read the CPU ratio.")
    if any(row.foreign > QUIET for row in rows):
        found.append("Other processes used the servers' core (others above 5 %): repeat on a quiet machine.")
    return found


def text(report: Report) -> str:
    """The report for a terminal."""
    parts = [aligned([["", ""], *_facts(report)])]
    for group in report.groups:
        parts.append(f"{group.name}: {HOWS[group.name].flags}\n\n{aligned(table(group))}")
    parts += [f"{table.title}\n\n{aligned(table.lines)}" for table in report.tables]
    parts += ["\n".join(f"not timed: {line}" for line in missing(report))] if missing(report) else []
    return "\n\n".join([*parts, "\n".join([*verdicts(report), *warnings(report)])])


def charts(report: Report) -> dict[str, str]:
    """{name of a file: its SVG}: all groups together, and each that has other frameworks in it."""
    found = {}
    if any(row.name == OURS for group in report.groups for result in group.results for row in result.rows):
        found["bench-ratios.svg"] = drawn.ratios(report.groups, report.budget_of)
    for group in report.groups:
        names = {row.name for result in group.results for row in result.rows}
        if names - {BASE, CONTROL, OURS}:
            found[f"bench-{group.name}.svg"] = drawn.frameworks(group)
    return found


def markdown(report: Report, command: str = "hatch run bench --publish") -> str:
    """The report as the page docs/benchmarks.md, whose charts are in `charts/` beside it."""
    parts = ["# Benchmarks", f"Made by `{command}`; not edited by hand."]
    parts.append(markdown_table([["what", "value"], *_facts(report)]))
    if report.groups:
        parts.append(LEGEND)
    made = charts(report)
    if "bench-ratios.svg" in made:
        parts.append(
            "![VelociPy against the app by hand, for each workload and server](charts/bench-ratios.svg)"
        )
    parts += _listed("Budget", verdicts(report)) + _listed("Noise", warnings(report))
    for group in report.groups:
        parts += [f"## {group.name}", f"`{HOWS[group.name].flags}`"]
        if f"bench-{group.name}.svg" in made:
            parts.append(f"![Frameworks on {group.name}](charts/bench-{group.name}.svg)")
        parts.append(markdown_table(table(group)))
    for found in report.tables:
        parts += [f"## {found.title}", markdown_table(found.lines)]
    parts += _listed("Not timed", missing(report))
    return "\n\n".join(parts) + "\n"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {line}" for line in lines)] if lines else []


def _facts(report: Report) -> list[list[str]]:
    settings = report.settings
    load = f"{report.client}, {settings.connections} connections, {settings.rounds} rounds of {settings.seconds:g} s"
    load += f", other frameworks in {settings.peer_rounds} of them"
    facts = {"date": report.date, **report.machine, "load": load, "versions": versions_line(report.versions)}
    return [[name, value] for name, value in facts.items()]


def versions_line(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def missing(report: Report) -> list[str]:
    """Contenders that are not in a table, and why."""
    found = [f"{name}: {why}" for name, why in report.absent]
    return found + [f"{name} in {group.name}: {why}" for group in report.groups for name, why in group.absent]
