"""Running `flask doctor`, and reading what it says."""

import sqlalchemy as sa
from flask import Flask

from ticketdesk.extensions import db

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
Findings = dict[str, tuple[str, str]]


class Examined:
    """What `flask doctor` printed, by topic; where a topic has several lines, the last."""

    def __init__(self, app: Flask, *args: str) -> None:
        result = app.test_cli_runner().invoke(args=["doctor", *args])
        self.exit_code, self.output = result.exit_code, result.output
        self.findings: Findings = {}
        for line in result.output.splitlines():
            level, topic, sentence = line.split(maxsplit=2)
            self.findings[topic] = level, sentence

    def levels(self) -> dict[str, str]:
        return {topic: level for topic, (level, _) in self.findings.items()}


def execute(statement: str) -> None:
    db.session.execute(sa.text(statement))
    db.session.commit()
