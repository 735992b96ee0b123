"""Emits the plan of a WebSocket route as a function: the handshake checked, the conversation, its end. Knows steps and dialects."""

from __future__ import annotations

from velocipy.handlers.writer import SegmentWriter
from velocipy.socket_options import DEFAULT_OPTIONS


class SocketWriter(SegmentWriter):
    """Emits the only segment of a WebSocket route; of middleware, hooks and headers apply there."""

    def write(self) -> None:
        """The whole function."""
        with self.function("handle", (*self.dialect.args, "values")):
            options = self.plan.route.options.socket or DEFAULT_OPTIONS
            extra = "" if options == DEFAULT_OPTIONS else f", options={self.source.bind('OPTIONS', options)}"
            self.source.line(
                f"websocket = WebSocket({self.dialect.connect_socket}, values, {self.route}{extra})"
            )
            self.hooks.begin_socket()
            self.prologue()
            if self.plan.enters:
                self.source.line("teardown = Teardown()")
                with self.source.block("try:"):
                    self._converse()
                self.abandon()
                with self.source.block("if teardown.is_open:"):
                    self.source.line(f"await teardown.after_send(None, {self.about()})")
            else:
                self._converse()

    def _converse(self) -> None:
        finish = self.source.bind("finish_socket", self.tools.finish_socket)
        fail = self.source.bind("fail_socket", self.tools.fail_socket)
        with self.source.block("try:"):
            self._check_handshake()
            with self.source.block("with of_loop().socket(websocket):"):
                self._steps()
            if self.plan.enters:
                self.source.line("await teardown.before_send(None)")
            self.source.line(f"await {finish}(websocket)")
        with self.source.block("except Exception as exc:"):
            self.source.line(f"await {fail}(websocket, {self.thrown()})")

    def _check_handshake(self) -> None:
        self.need_headers()
        self.need_hosts()
        policy = self.source.bind("ORIGINS", (self.plan.route.options.socket or DEFAULT_OPTIONS).origins)
        self.check_host()
        if self.plan.route.proxies is not None:
            self.source.line("hosts = websocket.forwarded_hosts(hosts)")
        self.source.line(f"check_origin(headers, hosts, websocket.scheme, {policy})")

    def _steps(self) -> None:
        for hook in self.segment.hooks:
            self.steps_of(hook.steps)
            if hook.state_key and hook.token:
                self.source.line(f"websocket.state[{hook.state_key!r}] = {hook.token}")
            self.hooks.passed_socket(hook)
        self.steps_of(self.segment.core)
