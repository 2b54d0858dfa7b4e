"""Broken connections: try again, with longer and longer pauses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

LONGEST_PAUSE_S = 60.0

Result = TypeVar("Result")


class BrokenError(Exception):
    """A request failed in a way that may pass: no answer, a cut connection, a busy server.

    Its text is a sentence for the person, without names, addresses or UIDs.
    """


@dataclass
class Patience:
    """How often and after which pauses a broken request is tried again.

    Attributes
    ----------
    attempts
        Failures in a row that are borne.
    wait_s
        First pause, s; each further one is twice as long, up to a minute.
    stopped
        Set to end all pauses at once, when the whole run gives up.
    """

    attempts: int = 4
    wait_s: float = 2.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def pause(self, failures: int) -> None:
        """Wait after a failure, the first being 1."""
        self.stopped.wait(min(self.wait_s * 2 ** (failures - 1), LONGEST_PAUSE_S))

    def keep_trying(self, action: Callable[[], Result]) -> Result:
        """Return what the action returns; the last failure's BrokenError passes through."""
        for failures in range(1, self.attempts):
            try:
                return action()
            except BrokenError:
                self.pause(failures)
        return action()
