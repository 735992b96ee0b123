"""The measuring itself: start a group, compare, load in turns. Knows the order of things; does not know how results are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from benchkit.compare import differences, lacks
from benchkit.contenders import BASE, Contender
from benchkit.load import Client, LoadFailed, SocketClient
from benchkit.machine import core_busy_seconds, cores
from benchkit.servers import Server, ServerFailed
from benchkit.stats import Round, Row, Slice, counted, rotated, row
from benchkit.workloads import Workload

Say = Callable[[str], None]


class Refused(Exception):
    """Apps that must answer alike do not; the text shows every difference. Nothing of that group is timed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how hard. `rounds` are those that count; one more goes before. Peers take part in the first `peer_rounds`."""

    rounds: int
    seconds: float
    connections: int
    peer_rounds: int = 3


@dataclass(frozen=True, slots=True)
class Result:
    """One workload of one group, best ratio first after the base."""

    workload: Workload
    rows: tuple[Row, ...]


@dataclass(slots=True)
class GroupResult:
    """All that one group gave: its results, and (contender, why it is missing)."""

    name: str
    results: list[Result] = field(default_factory=list)
    absent: list[tuple[str, str]] = field(default_factory=list)


DISTURBED: Final = 0.15
"""Share of the servers' core in other hands, above which a round is repeated; a round repeats no more often than there are rounds."""


def disturbed(turn: Round) -> bool:
    return any(part.foreign > DISTURBED for part in turn.values())


class Group:
    """The contenders of one kind of server, all alive at once on one core."""

    def __init__(
        self, name: str, contenders: Sequence[Contender], client: Client, settings: Settings, say: Say
    ) -> None:
        self.outcome = GroupResult(name)
        self._contenders, self._client, self._settings, self._say = contenders, client, settings, say
        self._sockets: Client = SocketClient(cores()[1])
        self._servers: dict[str, Server] = {}

    def measure(self, workloads: Sequence[Workload], core: int | None) -> GroupResult:
        """Raises Refused for a difference, ServerFailed or LoadFailed when a contender that is required fails."""
        with ExitStack() as stack:
            for contender in self._contenders:
                self._start(stack, contender, core)
            fit = {workload.name: self._compared(workload) for workload in workloads}
            for workload in workloads:
                self.outcome.results.append(self._time(workload, fit[workload.name], core))
        return self.outcome

    def _start(self, stack: ExitStack, contender: Contender, core: int | None) -> None:
        server = Server(contender.how, contender.python, contender.folder, contender.app, core)
        try:
            self._servers[contender.name] = stack.enter_context(server)
        except ServerFailed as exc:
            if contender.required:
                raise ServerFailed(f"{contender.name} on {contender.how.name} {exc}") from None
            self._leave_out(contender.name, f"server {exc}")

    def _leave_out(self, name: str, why: str) -> None:
        self.outcome.absent.append((name, why))
        self._say(f"{self.outcome.name}: {name} is not timed: {why}")

    def _compared(self, workload: Workload) -> list[str]:
        """The names of those that answer this workload as raw does. Raises Refused when a required one does not."""
        fit = []
        base = self._servers[BASE].port
        for contender in self._alive():
            found = differences(workload, base, self._servers[contender.name].port, contender.rule(workload))
            if not found:
                fit.append(contender.name)
            elif not contender.required and lacks(workload, self._servers[contender.name].port):
                self._leave_out(contender.name, f"has no {workload.name}")
            elif contender.required:
                raise Refused(
                    f"{contender.name} on {contender.how.name} does not answer as raw does:\n"
                    + "\n".join(found)
                )
            else:
                self._leave_out(contender.name, "answers differ: " + " ".join(found[0].split()))
        return fit

    def _alive(self) -> list[Contender]:
        return [contender for contender in self._contenders if contender.name in self._servers]

    def _time(self, workload: Workload, names: Sequence[str], core: int | None) -> Result:
        names = list(names)
        rounds: list[Round] = []
        repeats = self._settings.rounds
        while len(rounds) <= self._settings.rounds:
            turn = len(rounds)
            self._say(f"{self.outcome.name}: {workload.name}, round {turn} of {self._settings.rounds}")
            found = self._round(workload, names, turn, core)
            if turn and repeats and disturbed(found):
                repeats -= 1
                self._say("  others used the servers' core: once more")
            else:
                rounds.append(found)
        kept = counted(rounds)
        rows = [row(name, BASE, [turn for turn in kept if name in turn]) for name in names]
        return Result(workload, tuple(sorted(rows, key=lambda found: (found.name != BASE, -found.ratio))))

    def _round(self, workload: Workload, names: list[str], turn: int, core: int | None) -> Round:
        """One slice for each name, in rotated order. A peer that fails under load leaves `names`, in place."""
        slices: dict[str, Slice] = {}
        late = turn > self._settings.peer_rounds
        for name in rotated([name for name in names if not late or self._required(name)], turn):
            try:
                slices[name] = self._slice(self._servers[name], workload, core)
            except LoadFailed as exc:
                if self._required(name):
                    raise LoadFailed(f"{name} in {self.outcome.name}: {exc}") from None
                names.remove(name)
                self._leave_out(name, str(exc))
        return slices

    def _required(self, name: str) -> bool:
        return any(contender.required for contender in self._contenders if contender.name == name)

    def _slice(self, server: Server, workload: Workload, core: int | None) -> Slice:
        settings = self._settings
        cpu, busy = server.cpu_seconds(), core_busy_seconds(core)
        client = self._client if workload.message is None else self._sockets
        burst = client.run(server.port, workload, settings.seconds, settings.connections)
        cpu, busy = server.cpu_seconds() - cpu, core_busy_seconds(core) - busy
        if not burst.requests:
            raise LoadFailed(f"{workload.timed}: no answer within {burst.seconds:.1f} s")
        return Slice(burst.requests, burst.seconds, cpu, max(0.0, busy - cpu) / burst.seconds)
