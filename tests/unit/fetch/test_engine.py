import threading

import pytest

from rigoromics.errors import DataError
from rigoromics.fetch.engine import Progress, Run
from rigoromics.fetch.query import RemoteSeries
from rigoromics.fetch.retry import BrokenError, Patience


class Archive:
    """An archive of series with three images each, that fails as a test wants."""

    threads_allowed = True

    def __init__(self, fails=lambda series, call: None, lists: bool = True) -> None:
        self.fails = fails
        self.lists = lists
        self.calls: dict[str, int] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def images(self, series):
        return [f"{series.series_uid}.{number}" for number in range(3)] if self.lists else None

    def retrieve(self, series, missing, store):
        with self.lock:
            self.calls[series.series_uid] = self.calls.get(series.series_uid, 0) + 1
            self.asked.append((series.series_uid, tuple(missing or ())))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            every = [f"{series.series_uid}.{number}" for number in range(3)]
            for uid in every if missing is None else missing:
                self.fails(series, (self.calls[series.series_uid], uid))
                store.keep(series, uid, [uid.encode()])
        finally:
            with self.lock:
                self.at_once -= 1


WANTED = [RemoteSeries("p", "", "1", f"1.{number}", images=3) for number in range(6)]


def run(archive, store, wanted=WANTED, attempts=3, connections=2, said=None):
    say = [].append if said is None else said.append
    progress = Progress(len(wanted), 3 * len(wanted), say, every_s=0)
    store._arrived = progress.arrived
    patience = Patience(attempts, 0.001)
    return Run(archive, store, patience, progress).fetch(wanted, connections), progress


def test_everything_comes_once_and_a_second_run_asks_for_nothing(store):
    archive = Archive()
    result, _ = run(archive, store)
    assert (result.whole, result.broken, result.missing) == (6, 0, 0)
    assert len(archive.asked) == 6
    result, progress = run(archive, store)
    assert result.whole == 6
    assert len(archive.asked) == 6
    assert (progress.here, progress.new) == (18, 0)


def test_no_more_series_at_once_than_allowed(store):
    gate = threading.Barrier(3, timeout=5)
    archive = Archive(lambda series, call: gate.wait() if call[1].endswith(".0") else None)
    run(archive, store, connections=3)
    assert archive.most_at_once == 3


def test_a_source_that_must_not_be_shared_is_not(store):
    archive = Archive()
    archive.threads_allowed = False
    run(archive, store, connections=3)
    assert archive.most_at_once == 1


def test_a_broken_series_is_asked_for_what_is_missing_only(store):
    def fails(series, call):
        if call == (1, "1.2.1"):
            raise BrokenError("it broke")

    archive = Archive(fails)
    assert run(archive, store)[0].whole == 6
    assert [uids for uid, uids in archive.asked if uid == "1.2"] == [
        ("1.2.0", "1.2.1", "1.2.2"),
        ("1.2.1", "1.2.2"),
    ]


def test_one_series_that_stays_broken_does_not_stop_the_others(store):
    def fails(series, call):
        if series.series_uid == "1.2":
            raise BrokenError("it broke")

    archive = Archive(fails)
    result, _ = run(archive, store, connections=1)
    assert (result.whole, result.broken, result.untried, result.reason) == (5, 1, 0, "it broke")
    assert archive.calls["1.2"] == 3


def test_a_server_that_is_gone_is_left_alone(store):
    def fails(series, call):
        raise BrokenError("gone")

    archive = Archive(fails)
    result, _ = run(archive, store, connections=1)
    assert (result.whole, result.broken, result.untried) == (0, 3, 3)
    assert sum(archive.calls.values()) == 9


def test_failures_in_between_do_not_add_up(store):
    """A long series over a poor line: every request breaks after one image, and it still ends."""

    def fails(series, call):
        if call[0] != int(call[1][-1]) + 1:
            raise BrokenError("the line")

    assert run(Archive(fails), store, attempts=2)[0].whole == 6


def test_a_refusal_ends_the_run(store):
    def fails(series, call):
        raise DataError("no right", "ask for it")

    archive = Archive(fails)
    with pytest.raises(DataError, match="no right"):
        run(archive, store, connections=1)
    assert sum(archive.calls.values()) == 1


def test_an_image_that_is_listed_and_never_comes_is_counted(store):
    class Forgetful(Archive):
        def retrieve(self, series, missing, store):
            super().retrieve(series, [uid for uid in missing if uid != "1.4.1"], store)

    result, _ = run(Forgetful(), store)
    assert (result.whole, result.missing, result.broken) == (5, 1, 0)


def test_an_archive_that_lists_no_images_is_asked_until_the_number_is_right(store):
    assert run(Archive(lists=False), store)[0].whole == 6
    short = [RemoteSeries("p", "", "1", "1.9", images=4)]
    archive = Archive(lists=False)
    assert run(archive, store, short)[0].missing == 1


def test_progress_says_how_far_how_fast_and_how_long(store):
    said: list[str] = []
    run(Archive(), store, said=said)
    assert said[-1].startswith("Fetching: 6 of 6 series, 18 of 18 images (0 were there), ")
    assert any("left" in line for line in said)
    assert all("MB/s" in line for line in said)


def test_pauses_double_and_end_when_the_run_does(monkeypatch):
    patience = Patience(attempts=9, wait_s=2)
    waited: list[float] = []
    monkeypatch.setattr(patience.stopped, "wait", waited.append)
    for failures in range(1, 8):
        patience.pause(failures)
    assert waited == [2, 4, 8, 16, 32, 60, 60]


def test_keep_trying_gives_the_last_failure_back():
    calls = []

    def action():
        calls.append(1)
        raise BrokenError(f"failure {len(calls)}")

    with pytest.raises(BrokenError, match="failure 3"):
        Patience(3, 0.001).keep_trying(action)
