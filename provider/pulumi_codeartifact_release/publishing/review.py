"""What a person approves: the numbers of a plan, which are those of the run that carries it out. Pure.

review = Review(plan, rate=10.0)
review.requests, review.min_seconds
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .plan import Action, Plan
from .promotion_source import PromotionSource


@dataclass(frozen=True)
class Review:
    """A plan, and what it takes.

    Attributes:
        rate: the quota of uploads a second; None where nobody knows it.
        promotion_source: of a promotion; None for what is published from files.
        reads_again: whether the run has looked already when it begins, to make this plan, and does not trust that.
        reads_source_again: whether it looks at a promotion's source again, too.
    """

    plan: Plan
    rate: float | None = None
    promotion_source: PromotionSource | None = None
    reads_again: bool = False
    reads_source_again: bool = False

    @property
    def requests(self) -> int:
        """How many requests an undisturbed run makes in all: looking, at the source too, downloading and writing."""
        again = self.plan.read_requests if self.reads_again and not self.plan.first_write_conditional else 0
        return self.plan.requests + again + self.plan.downloads + self._source_requests

    @property
    def min_seconds(self) -> float:
        """How many seconds the quota of uploads makes it take at least; 0 where it does not, or is not known."""
        return min_seconds(self.plan.publish_requests, self.rate)

    @property
    def _source_requests(self) -> int:
        if self.promotion_source is None:
            return 0
        # Before anything is given up for it, the source is looked at once more in any case.
        again = self.plan.action is Action.REPLACE or (
            self.reads_source_again and not self.plan.copies and self.plan.expected_uploads
        )
        return self.promotion_source.read_requests + (2 if again else 0)


def min_seconds(publish_requests: int, rate: float | None) -> float:
    """Return the seconds that so many uploads take at least: the quota's bucket holds one second's worth at once."""
    return max(0.0, publish_requests / rate - 1.0) if rate else 0.0


@dataclass(frozen=True)
class ReviewTotals:
    """What several plans come to, which share a quota.

    Attributes:
        changes, refused, unchanged: packages.
        assets: to send.
        skipped_assets: declared assets of the packages that change, which the registry holds already.
        size: bytes to send.
        requests: of all plans.
        min_seconds: as `Review.min_seconds`, for all together.
    """

    changes: int
    refused: int
    unchanged: int
    assets: int
    skipped_assets: int
    size: int
    requests: int
    min_seconds: float


def total_reviews(reviews: Iterable[Review]) -> ReviewTotals:
    """Add up for a run of all of them at the command line.

    Requests of what is refused or unchanged count too, since it is looked at.
    """
    everything = list(reviews)
    changed = [review for review in everything if review.plan.changes]
    refused = sum(review.plan.action is Action.REFUSE for review in everything)
    rate = next((review.rate for review in everything if review.rate), None)
    return ReviewTotals(
        changes=len(changed),
        refused=refused,
        unchanged=len(everything) - len(changed) - refused,
        assets=sum(len(review.plan.expected_uploads) for review in changed),
        skipped_assets=sum(len(review.plan.skipped_assets) for review in changed),
        size=sum(review.plan.upload_bytes for review in changed),
        requests=sum(review.requests for review in everything),
        min_seconds=min_seconds(sum(review.plan.publish_requests for review in changed), rate),
    )
