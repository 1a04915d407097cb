"""What can go wrong in the domain. No HTTP here: `error_handlers` gives each its status and its face."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault in the input: the field's name as its sender wrote it, and a sentence."""

    field: str
    message: str


class DomainError(Exception):
    """Base of all; ``str()`` is a sentence for the person who can act."""

    @property
    def sentences(self) -> str:
        """All that is to be said about it, where it is said in one place."""
        return str(self)


class Invalid(DomainError):
    """The input breaks a rule. ``faults`` holds every fault found, not just the first."""

    def __init__(self, *faults: FieldFault, sentence: str = "Some of the values cannot be used.") -> None:
        super().__init__(sentence)
        self.faults = faults

    @property
    def sentences(self) -> str:
        """Its faults, one after the other."""
        return " ".join(fault.message for fault in self.faults) or str(self)


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's to see: the answer is the same."""


class Gone(DomainError):
    """There was such a thing, and the caller was allowed to see it."""


class Unauthenticated(DomainError):
    """Nobody is signed in, or the token is not valid."""


class Forbidden(DomainError):
    """The caller is known and may not do this."""


class Conflict(DomainError):
    """The request contradicts what is there."""


class Stale(DomainError):
    """The thing has changed since the caller read it."""


class TooManyAttempts(DomainError):
    """A limit is reached; ``retry_after`` is the wait in whole seconds."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part the desk depends on does not answer; ``retry_after`` is a fair wait in whole seconds."""

    def __init__(self, sentence: str, retry_after: int = 5) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
