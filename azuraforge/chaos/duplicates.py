"""Replies that are lost, so that what was asked is asked again: one effect, the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from azuraforge.actors.registry import Registry
from azuraforge.chaos import journal
from azuraforge.chaos.row import Case

EVENTS = 60
MOST = 20  # events sent at once
SENDERS = 3  # that each believe to have had no answer


def of_appends(case: Case) -> Iterator[str]:
    """Everything is sent several times, in parts that overlap, by several at once."""
    home = case.folder / "home"
    with ThreadPoolExecutor(SENDERS) as pool:
        for _ in range(case.times):
            run = journal.new_run(home)
            registry = Registry(home)
            known = 0
            wrong = ""
            while known < EVENTS and not wrong:
                first = case.rng.randint(max(1, known - MOST), known + 1)
                count = known + 1 - first + case.rng.randint(0, MOST)
                send = [
                    pool.submit(registry.append, run, first, journal.events(first, count))
                    for _ in range(SENDERS)
                ]
                answers = {sent.result().durable_seq for sent in send}
                known = max(known, first + count - 1)
                if answers != {known}:
                    wrong = f"events {first} to {first + count - 1}: the answers are {answers}"
            registry.close()
            wrong = wrong or journal.broken(journal.held(home, run), known)
            extra = len(journal.held(home, run)) - known
            yield wrong or (f"run {run}: {extra} events too many" if extra else "")
