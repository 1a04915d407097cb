"""What is done about attachments while nobody waits."""

from ticketdesk.attachments import sweep, thumbnails
from ticketdesk.jobs.queue import queue, task


@task("attachments.thumbnail")
def make_thumbnail(attachment_id: int) -> None:
    """Make the small picture of a large one. Safe to run twice: the second run finds it made, or makes it again."""
    thumbnails.make(attachment_id)


@queue.periodic(cron="41 * * * *")
@task("attachments.sweep")
def sweep_up(timestamp: int) -> None:
    """Clear up contents without a row, and rows that waited too long."""
    sweep.sweep()
