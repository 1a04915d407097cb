"""Who may change what staff keep for themselves or share with all: canned replies and saved views."""

from sqlalchemy import BindParameter, ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

from ticketdesk.core.errors import Forbidden, NotFound
from ticketdesk.models import Role, Staff


def visible_to(
    owner_id: InstrumentedAttribute[int | None], staff_id: int | BindParameter[int | None]
) -> ColumnElement[bool]:
    """The condition that a row is shared or the person's own."""
    return or_(owner_id.is_(None), owner_id == staff_id)


def check_may_change(owner_id: int | None, staff: Staff) -> None:
    """What is somebody's own is theirs to change; what is shared belongs to the admins.

    Raises:
        Forbidden: it is shared, and the person is no admin.
        NotFound: it is somebody else's.
    """
    if owner_id is None and staff.role != Role.ADMIN:
        raise Forbidden("What everybody shares is changed by admins; ask one, or make one of your own.")
    if owner_id is not None and owner_id != staff.id:
        raise NotFound("There is no such thing, or it is not yours.")
