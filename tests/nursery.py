"""Where processes of the code begin: a process that has loaded it once, and is copied for each of them.

Loading takes seconds and a copy none, so that a killed gateway is back as fast as its own work allows. A copy is a
group of its own, is killed with its children, and ends when the nursery does, which ends with who began it.
`python -m tests.nursery` reads one line of JSON for each process and answers its id.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.sandbox.supervisor import end_with_parent
from tests.unmeasured import unmeasured

PLAIN = "plain"


class Nursery:
    """The nursery in a process of its own, and what it is asked for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**unmeasured(), **environment},
            start_new_session=True,  # a Ctrl-C is for the rig, which ends everything in its order
        )

    def begin(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, errors: Path | None = None
    ) -> int:
        """Begin a process whose output goes to a log, and its errors to another where one is named; its id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        logs = [str(log), str(errors or log)]
        asked = {"arguments": list(arguments), "environment": dict(environment), "logs": logs}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it, and whatever still runs of what it began."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def _be(arguments: Sequence[str], environment: Mapping[str, str], logs: Sequence[str]) -> None:
    """Be a process: the mock, or a command of the gateway, as it is or with a variant planted in it."""
    from tests.faults.clocks import shift_clocks  # noqa: PLC0415 - here alone: nobody else needs the gateway
    from tests.faults.planted import VARIANTS  # noqa: PLC0415 - the rig itself has no use for it

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    end_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    with open(os.devnull, "rb") as nothing, open(logs[0], "ab") as said, open(logs[1], "ab") as errors:
        for source, target in ((nothing, 0), (said, 1), (errors, 2)):
            os.dup2(source.fileno(), target)
    name, variant, *rest = arguments
    sys.argv = ["mock_mycarenet" if name == "mock" else "chroniccare", *([] if name == "mock" else [name]), *rest]
    if name == "mock":
        runpy.run_module("mock_mycarenet", run_name="__main__")
        return
    shift_clocks()
    if variant != PLAIN:
        VARIANTS[variant]()
    from gateway.cli import main  # noqa: PLC0415 - the rig itself has no use for it

    main()


def _main() -> None:
    """Begin what is asked for, until nobody can ask any more."""
    import gateway.cli  # noqa: PLC0415 - loaded once, for every copy
    import gateway.worker  # noqa: PLC0415, F401 - as above: the sandbox copies itself
    import tests.faults.planted  # noqa: PLC0415, F401 - loaded to be forked from

    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                _be(asked["arguments"], asked["environment"], asked["logs"])
                status = 0
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 1
            except BaseException as failure:  # noqa: BLE001 - a copy must never go on as the nursery
                sys.stderr.write(f"{type(failure).__name__}: {failure}\n")
            finally:
                sys.stderr.flush()
                os._exit(status)
        with suppress(OSError):
            os.setpgid(pid, pid)  # whichever of the two is first
        print(pid, flush=True)


if __name__ == "__main__":
    _main()
