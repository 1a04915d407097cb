"""What every page of the console has in common, on top of Flask-Admin's views."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask_admin import BaseView, expose

from ticketdesk.accounts.permissions import need_of
from ticketdesk.gate import caller

View = TypeVar("View", bound=Callable[..., Any])


def route(path: str, *methods: str) -> Callable[[View], View]:
    """Give a view method its path under the view's own URL; GET where no method is named."""
    return cast("Callable[[View], View]", expose(path, methods=methods or ("GET",)))


class ConsolePage(BaseView):  # type: ignore[misc]
    """A page of the console; the menu offers it to those whom the table of permissions lets in."""

    def is_accessible(self) -> bool:
        """Whether the caller may open the page; Flask-Admin asks for the menu and before every view."""
        need = need_of(f"{self.endpoint}.{self._default_view}")
        return need is not None and caller().may(need)

    def page(self, template: str, **shown: Any) -> str:
        """The page that the template makes of what is shown."""
        html: str = self.render(template, **shown)
        return html

    def _run_view(self, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin calls a view that raised TypeError a second time, with other arguments.
        return view(self, *args, **kwargs)
