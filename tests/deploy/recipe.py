"""Reading the Dockerfile, as far as the desk's own uses the language."""

import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from config import ROOT

TEXT = (ROOT / "Dockerfile").read_text()


class Step(NamedTuple):
    """One instruction of the Dockerfile, such as `COPY --from=build /app /app`."""

    word: str
    rest: str

    @property
    def options(self) -> list[str]:
        return [part for part in self.rest.split() if part.startswith("--")]

    @property
    def arguments(self) -> list[str]:
        """What it is about, without options; also where it is written as JSON."""
        without = re.sub(r"^(--\S+\s+)+", "", self.rest)
        found: list[str] = json.loads(without) if without.startswith("[") else without.split()
        return found


def stages() -> dict[str, list[Step]]:
    """The steps of each stage; the last, which has no name, is `desk`."""
    found: dict[str, list[Step]] = {}
    for line in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            steps = found[rest.partition(" AS ")[2] or "desk"] = []
        if word:
            steps.append(Step(word, rest.strip()))
    return found


def one(stage: str, word: str) -> Step:
    """The stage's only step with this word."""
    (step,) = (step for step in stages()[stage] if step.word == word)
    return step


def copies(stage: str) -> list[tuple[list[str], str]]:
    """The sources and the target of each COPY from the checkout."""
    steps = [step for step in stages()[stage] if step.word == "COPY"]
    taken = [step.arguments for step in steps if not any(option.startswith("--from") for option in step.options)]
    return [(sources, target) for *sources, target in taken]


def probe() -> list[str]:
    """The command by which the desk's image says whether it is well."""
    return Step("CMD", one("desk", "HEALTHCHECK").rest.partition("CMD ")[2]).arguments


def assemble(folder: Path) -> None:
    """Lay out `folder` as the image's /app."""
    for sources, target in copies("build"):
        if target.startswith("/"):
            continue
        for source in sources:
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place = folder / target / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
