"""Static files under addresses that change with them, so that browsers may keep them for ever.

`url_for("static", …)` puts a fingerprint of all static files before the file's
path. It is part of the path, and not of the query, so that what a stylesheet or
script refers to relatively carries it too.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from flask import Flask, Response

YEAR = 365 * 24 * 60 * 60
LENGTH = 12
VERSION = re.compile(rf"v[0-9a-f]{{{LENGTH}}}")


def install(app: Flask) -> None:
    """Put the fingerprint into the addresses of static files, and serve them by it."""
    current = f"v{_fingerprint(Path(app.static_folder or ''))}"

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["filename"] = f"{current}/{values['filename']}"

    def serve(filename: str) -> Response:
        version, _, rest = filename.partition("/")
        # A page from before an update asks for the files of then: those of today are better than none.
        response = app.send_static_file(rest if VERSION.fullmatch(version) else filename)
        if version == current:
            response.cache_control.no_cache = None
            response.cache_control.public = True
            response.cache_control.max_age = YEAR
            response.cache_control.immutable = True
        return response

    app.view_functions["static"] = serve


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:LENGTH]
