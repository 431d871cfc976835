"""The whole stand-in: its projects, one clock, and a callback for changes."""

import time
from collections.abc import Callable, Iterable
from typing import Self

import msgspec

from sandbox.trifft.access import TokenKind
from sandbox.trifft.project import Project, ProjectState
from sandbox.trifft.webhooks import Webhooks

Clock = Callable[[], float]
"""UNIX seconds."""


class _State(msgspec.Struct, kw_only=True):
    projects: list[ProjectState]


class Trifft:
    """`projects` by id. `on_change`, if set, is called after each change of the saved state.

    `closing` is set at shutdown and releases held requests.
    """

    def __init__(self, projects: Iterable[Project], clock: Clock = time.time) -> None:
        self.projects = {project.project_id: project for project in projects}
        self.clock = clock
        self.on_change: Callable[[], None] | None = None
        self.closing = False
        self.webhooks = Webhooks(clock)

    def find_token(self, token: str) -> tuple[Project, TokenKind] | None:
        for project in self.projects.values():
            if token in project.state.tokens:
                return project, project.state.tokens[token]
        return None

    def change(self, project: Project, member_id: str, *events: str) -> None:
        """Call `on_change`, and send each event to the project's webhook."""
        self.saved_state_changed()
        for event in events:
            self.webhooks.send(project, event, member_id)

    def saved_state_changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def to_json(self) -> bytes:
        """The projects' states, without switches, logs and rate counts."""
        return msgspec.json.encode(_State(projects=[project.state for project in self.projects.values()]))

    @classmethod
    def from_json(cls, data: bytes, clock: Clock = time.time) -> Self:
        """Raises msgspec.ValidationError or msgspec.DecodeError for anything but what `to_json` made."""
        return cls([Project(state) for state in msgspec.json.decode(data, type=_State).projects], clock)
