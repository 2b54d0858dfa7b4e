"""The run over all series: ask for what is missing, keep what comes, try again, say how far."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Store
from rigoromics.fetch.query import Query, RemoteSeries
from rigoromics.fetch.retry import BrokenError, Patience

# When so many series in a row break off, the server is gone; the others need not be tried.
BROKEN_IN_A_ROW = 3


class Source(Protocol):
    """An archive that can be asked for series and their images.

    Every method may raise BrokenError for what may pass, and DataError for what will not.
    """

    threads_allowed: bool
    """Whether several series may be retrieved at the same time."""

    def find(self, query: Query) -> list[RemoteSeries]:
        """Return series that may fit the query; the caller sifts them again."""

    def images(self, series: RemoteSeries) -> list[str] | None:
        """Return the SOP Instance UIDs of a series; None where only retrieving tells."""

    def retrieve(self, series: RemoteSeries, missing: Sequence[str] | None, store: Store) -> None:
        """Bring images of a series into the store; None: all that are not there.

        Where nothing of the series is there yet, the whole series may be asked for at once.
        Images that the archive does not have any more are passed over without an error.
        """

    def close(self) -> None:
        """Let go of the network."""


@dataclass
class Progress:
    """How far a run is. `say` gets a line at most every `every_s` seconds, and at the end."""

    series: int
    images: int
    say: Callable[[str], None]
    every_s: float = 5.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._started = self._said = time.monotonic()
        self.done = self.here = self.new = self.bytes = 0

    def arrived(self, size: int) -> None:
        """Count an image that came, of so many bytes."""
        with self._lock:
            self.new += 1
            self.bytes += size
            self._maybe_say()

    def there(self, images: int) -> None:
        """Count images that an earlier run brought."""
        with self._lock:
            self.here += images

    def series_done(self) -> None:
        """Count a series, whole or given up."""
        with self._lock:
            self.done += 1
            self._maybe_say(last=self.done == self.series)

    def line(self) -> str:
        """Return the state as one line of text."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        text = (
            f"Fetching: {self.done:,} of {self.series:,} series, {self.new + self.here:,}"
            f"{f' of {self.images:,}' if self.images else ''} images "
            f"({self.here:,} were there), {self.bytes / 1e6 / seconds:,.1f} MB/s"
        )
        left = self.images - self.here - self.new
        if self.new and left > 0:
            text += f", about {_duration(left * seconds / self.new)} left"
        return text

    def _maybe_say(self, last: bool = False) -> None:
        now = time.monotonic()
        if last or now - self._said >= self.every_s:
            self._said = now
            self.say(self.line())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass
class Result:
    """What a run came to."""

    whole: int = 0
    """Series of which every image is here."""
    broken: int = 0
    """Series that broke off."""
    missing: int = 0
    """Images that the archive lists and did not give."""
    untried: int = 0
    """Series that were not tried any more."""
    reason: str = ""
    """Why the last series that broke off did."""


class Run:
    """Fetch a list of series.

    Parameters
    ----------
    source
        The archive.
    store
        Where images go.
    patience
        How failures are borne.
    progress
        Where progress is counted.
    """

    def __init__(
        self, source: Source, store: Store, patience: Patience, progress: Progress
    ) -> None:
        self._source = source
        self._store = store
        self._patience = patience
        self._progress = progress
        self._lock = threading.Lock()
        self._result = Result()
        self._in_a_row = 0
        self._refusal: DataError | None = None

    def fetch(self, wanted: Sequence[RemoteSeries], connections: int = 2) -> Result:
        """Fetch the series, several at a time; return what came of it.

        Raises
        ------
        DataError
            The archive refuses, or the disk is full: going on would not help.
        """
        workers = connections if self._source.threads_allowed else 1
        with ThreadPoolExecutor(workers) as pool:
            try:
                list(pool.map(self._one, wanted))
            except BaseException:
                # Ctrl-C: what waits in the pool is not begun, pauses end.
                self._patience.stopped.set()
                raise
        if self._refusal is not None:
            raise self._refusal
        return self._result

    def _one(self, series: RemoteSeries) -> None:
        if self._patience.stopped.is_set():
            with self._lock:
                self._result.untried += 1
            return
        try:
            missing = self._until_whole(series)
        except BrokenError as error:
            self._broke_off(str(error))
        except DataError as error:
            self._refusal = error
            self._patience.stopped.set()
        else:
            with self._lock:
                self._in_a_row = 0
                self._result.whole += not missing
                self._result.missing += missing
        self._progress.series_done()

    def _broke_off(self, reason: str) -> None:
        with self._lock:
            self._result.broken += 1
            self._result.reason = reason
            self._in_a_row += 1
            if self._in_a_row >= BROKEN_IN_A_ROW:
                self._patience.stopped.set()

    def _until_whole(self, series: RemoteSeries) -> int:
        """Ask until all images are here; return how many the archive lists but does not give.

        Failures count only while nothing new arrives, so that a long series over a poor line
        ends.
        """
        here = self._store.manifest.of_series
        self._progress.there(here(series.series_uid))
        failures = 0
        while True:
            before, broken = here(series.series_uid), None
            missing: list[str] | bool = True
            try:
                missing = self._missing(series)
                if missing:
                    asked = missing if isinstance(missing, list) else None
                    self._source.retrieve(series, asked, self._store)
                    missing = self._missing(series)
            except BrokenError as error:
                broken = error
            if not missing:
                return 0
            failures = 1 if here(series.series_uid) > before else failures + 1
            if failures >= self._patience.attempts or self._patience.stopped.is_set():
                if broken is not None:
                    raise broken
                return len(missing) if isinstance(missing, list) else 1
            self._patience.pause(failures)

    def _missing(self, series: RemoteSeries) -> list[str] | bool:
        """Return what is not here yet; where the archive lists no images, whether any is."""
        listed = self._source.images(series)
        if not listed:
            return self._store.manifest.of_series(series.series_uid) < max(series.images, 1)
        return [uid for uid in listed if uid not in self._store.manifest]
