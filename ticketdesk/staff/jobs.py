"""The background jobs: what waits, what ran, what failed."""

from http import HTTPStatus

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ticketdesk.core.errors import Conflict
from ticketdesk.extensions import db
from ticketdesk.jobs import overview
from ticketdesk.jobs.overview import JobStatus
from ticketdesk.staff.reading import read_before, read_id, read_word
from ticketdesk.staff.views import ConsolePage, route


class Jobs(ConsolePage):
    """The job queue, to be read, and failed jobs to be run again."""

    @route("/")
    def index(self) -> ResponseReturnValue:
        """The jobs, newest first."""
        status = read_word("status", JobStatus, request.args)
        before = read_before("job", request.args)
        jobs = overview.page(status, before=before, limit=overview.PAGE_SIZE + 1)
        return self.page(
            "staff/jobs.html",
            jobs=jobs[: overview.PAGE_SIZE],
            more=len(jobs) > overview.PAGE_SIZE,
            counts=overview.counts(),
            status=status,
            statuses=JobStatus,
        )

    @route("/retry/", "POST")
    def retry(self) -> ResponseReturnValue:
        """Run a failed job again."""
        number = read_id(request.form.get("id", "")) or 0
        try:
            overview.retry(number)
            db.session.commit()
            flash(f"Job {number} is back in the queue.", "good")
        except Conflict as error:
            db.session.rollback()
            flash(str(error), "bad")
        return redirect(url_for(".index", status=request.args.get("status") or None), HTTPStatus.SEE_OTHER)
