"""Makes what is secret in an installation: `python make_secrets.py FOLDER USER`, run before anything else starts.

It runs as root. USER, as whom the desk runs, then owns `secret_key` and `pgpass`, which libpq
reads by itself; root keeps `postgres_password`, because the database's image reads it before it
gives root up. A file that is there is kept: sessions and the database's password outlive upgrades.
"""

import os
import secrets
import shutil
import sys
from pathlib import Path


def main(folder: Path, user: str) -> None:
    """Make the files that are missing."""
    if not (folder / "secret_key").exists():
        place(folder / "secret_key", secrets.token_hex(32), user)
    if not (folder / "postgres_password").exists():
        place(folder / "postgres_password", secrets.token_hex(32))
    if not (folder / "pgpass").exists():
        password = (folder / "postgres_password").read_text()
        place(folder / "pgpass", f"*:*:*:*:{password}\n", user)


def place(path: Path, text: str, user: str | None = None) -> None:
    """Write a file that its owner alone may read; it is there as a whole or not at all."""
    draft = path.with_name(f".{path.name}")
    # What is left of a run that was cut short may belong to somebody else by now.
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if user is not None:
        shutil.chown(draft, user)
    draft.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
