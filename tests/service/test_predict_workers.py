"""Predict has several workers: one that hangs or dies holds up its own call only."""

import os
import signal
import threading

from tests.service.running import arrays, limited, until


def test_a_worker_that_hangs_holds_up_one_call_only(start):
    """Two workers, one of them stopped: the call that meets it waits, and the next one is answered meanwhile."""
    running = start(*limited(predict_workers=2, worker_silence_seconds=60))
    frozen = until(lambda: running.events("predict_worker_started")[1:])[-1]["worker"]
    os.kill(int(frozen), signal.SIGSTOP)
    answers = []
    with running.client() as client:
        callers = [threading.Thread(target=lambda: answers.append(client.predict(arrays()))) for _ in range(2)]
        for one in callers:
            one.start()
        until(lambda: len(answers) == 1)
        assert client.predict(arrays()).rows == answers[0].rows
        assert len(answers) == 1
        os.kill(int(frozen), signal.SIGCONT)
        for one in callers:
            one.join(120)
    assert len(answers) == 2
