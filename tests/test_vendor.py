"""The files taken from other projects are what their manifests say: unmodified, with their licences, and no others."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("folder", ["ticketdesk/static/vendor", "tests/vendor"])
def test_the_vendored_files_are_the_ones_in_the_manifest(folder: str) -> None:
    there = ROOT / folder
    manifest = json.loads((there / "manifest.json").read_text())
    found = {
        path.relative_to(there).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in there.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert {name: digest for package in manifest for name, digest in package["files"].items()} == found
    for package in manifest:
        assert package["version"]
        assert package["licence"]
        assert any("LICENSE" in name for name in package["files"])
