"""One line that tells what is being done; on a terminal it is overwritten, else only its changes of stage are kept."""

import sys
import time


class Progress:
    """Where the bench stands."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()

    def say(self, what: str, *, stage: bool = False) -> None:
        """Tell ``what`` is being done; a ``stage`` is told without a terminal too."""
        line = f"[{time.monotonic() - self._began:6.0f} s] {what}"
        if self._live:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif stage:
            print(line, file=sys.stderr, flush=True)
