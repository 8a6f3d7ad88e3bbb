"""Checks the requests of one run against the responses that it has received, whatever other publishers do."""

from __future__ import annotations

from pulumi_codeartifact_release.publishing.plan import PRE_DELETE_STATUS
from pulumi_codeartifact_release.registry import Status

from . import model
from .model import DESTINATION, Request, Response
from .spec import Spec


class Observer:
    """Sees every request and response of one run. `broken` describes the last broken rule; "" if there is none."""

    def __init__(self, spec: Spec) -> None:
        self.broken = ""
        self._spec = spec
        # The names of the declared assets that the destination has: acknowledged or listed, and not missing since.
        self._uploaded: set[str] = set()
        # Of a promotion: the last state of its source; whether the source was verified after the last ambiguous
        # response; and whether it was verified after the last read of the destination.
        self._source_state: model.State | None = None
        self._verified = self._verified_since_read = False

    def on_request(self, request: Request) -> None:
        """Check a request before it is sent."""
        if isinstance(request, model.Publish) and request.unfinished and request.name in self._uploaded:
            self.broken = f"sent {request.name} again, although it was acknowledged and visible"
        takes = isinstance(request, model.Fetch | model.Copy) and request.repository != DESTINATION
        if takes and not self._verified:
            self.broken = (
                f"{model.text_of(request)}, although the source was not verified, or not after an ambiguous response"
            )
        if self._spec.promotes and self._replaces(request) and not self._verified_since_read:
            self.broken = (
                f"{model.text_of(request)}, although the source was not verified after the destination was read"
            )

    def on_response(self, request: Request, response: Response, *, job: bool) -> None:
        """Record a response before the run, or one of its jobs, receives it."""
        at_source = isinstance(request, model.READS) and request.repository != DESTINATION
        if not at_source:
            self._update_destination(request, response)
        if isinstance(response, model.Lost | model.Conflict | model.Refused) and not isinstance(request, model.Fetch):
            self._verified = self._verified_since_read = False
        elif job:
            # A job that reads the source again fails in any case.
            return
        elif not at_source:
            self._verified_since_read = self._verified_since_read and not isinstance(request, model.Describe)
        elif isinstance(response, model.State):
            self._source_state = response
        elif isinstance(response, model.Listing):
            good = model.State(Status.PUBLISHED, response.revision), self._spec.contents
            self._verified = self._verified_since_read = (self._source_state, response.contents) == good

    def on_success(self, status: Status) -> None:
        """Check the status with which a run reports success."""
        if status is not self._spec.status:
            self.broken = f"reports success as {status}, {self._spec.status} is declared"

    def _update_destination(self, request: Request, response: Response) -> None:
        if isinstance(response, model.Listing):
            declared = dict(self._spec.contents)
            self._uploaded = {name for name, content in response.contents if declared.get(name) == content}
        elif isinstance(response, model.Missing | model.Done) or isinstance(request, model.Delete):
            self._uploaded = set()
        elif isinstance(request, model.Publish) and isinstance(response, model.State):
            self._uploaded.add(request.name)

    def _replaces(self, request: Request) -> bool:
        """Return whether the request is a step of a replacement."""
        if isinstance(request, model.SetStatus):
            # Without a permitted replacement, this is the declared status.
            return request.target is PRE_DELETE_STATUS and self._spec.replace_digest is not None
        return isinstance(request, model.Delete) or (isinstance(request, model.Copy) and request.allow_overwrite)
