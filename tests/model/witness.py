"""What one run knows, from the answers that it got, and what it must therefore not do, whatever the others do."""

from __future__ import annotations

from pulumi_codeartifact_release.publishing.plan import PRE_DELETE_STATUS
from pulumi_codeartifact_release.registry import Status

from . import model
from .model import HERE, Answer, Request
from .spec import Spec


class Witness:
    """Sees every request and answer of one run. `broken` is the last rule that it broke, empty for none."""

    def __init__(self, spec: Spec) -> None:
        self.broken = ""
        self._spec = spec
        # What is known to be at the destination: acknowledged, or seen, and not seen to be gone.
        self._there: set[str] = set()
        # Of a promotion: what the source was last seen as, whether that may go on, and whether it was seen since an
        # answer left open what happened, and since the destination was looked at.
        self._seen: model.State | None = None
        self._judged = self._judged_since_look = False

    def asks(self, request: Request) -> None:
        """See a request before it is sent."""
        if isinstance(request, model.Publish) and request.unfinished and request.name in self._there:
            self.broken = f"sent {request.name} again, which was acknowledged and visible"
        if isinstance(request, model.Fetch | model.Copy) and not self._judged:
            self.broken = f"{model.text_of(request)}, though the source was not judged, or not since it was in doubt"
        if self._spec.promotes and self._gives_up(request) and not self._judged_since_look:
            self.broken = f"{model.text_of(request)}, though the source was not judged since the destination was seen"

    def learns(self, request: Request, answer: Answer, *, job: bool) -> None:
        """See an answer before the run, or a job of it, gets it."""
        at_source = isinstance(request, model.READS) and request.place != HERE
        if not at_source:
            self._learns_of_destination(request, answer)
        if isinstance(answer, model.Lost | model.Conflict | model.Refused) and not isinstance(request, model.Fetch):
            self._judged = self._judged_since_look = False
        elif job:
            # A job that asks what has become of the source ends with that, whatever it learns.
            return
        elif not at_source:
            self._judged_since_look = self._judged_since_look and not isinstance(request, model.Describe)
        elif isinstance(answer, model.State):
            self._seen = answer
        elif isinstance(answer, model.Listing):
            good = model.State(Status.PUBLISHED, answer.revision), self._spec.contents
            self._judged = self._judged_since_look = (self._seen, answer.contents) == good

    def ends(self, status: Status) -> None:
        """See with what status a run reports success."""
        if status is not self._spec.status:
            self.broken = f"reports success as {status}, {self._spec.status} is declared"

    def _learns_of_destination(self, request: Request, answer: Answer) -> None:
        if isinstance(answer, model.Listing):
            declared = dict(self._spec.contents)
            self._there = {name for name, content in answer.contents if declared.get(name) == content}
        elif isinstance(answer, model.Missing | model.Done) or isinstance(request, model.Delete):
            self._there = set()
        elif isinstance(request, model.Publish) and isinstance(answer, model.State):
            self._there.add(request.name)

    def _gives_up(self, request: Request) -> bool:
        """Return whether the request is a step of a replacement."""
        if isinstance(request, model.SetStatus):
            # Where nothing may be given up, it is the declared status.
            return request.target is PRE_DELETE_STATUS and self._spec.replace_digest is not None
        return isinstance(request, model.Delete) or (isinstance(request, model.Copy) and request.allow_overwrite)
