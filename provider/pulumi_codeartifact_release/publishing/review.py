"""The costs of a plan, for the person who approves it: requests and minimum duration. Pure.

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
    """A plan and its costs.

    Attributes:
        rate: the quota of uploads per second; None if it is not known.
        promotion_source: the source of a promotion; None for a release from files.
        reads_again: whether the run reads the destination again before it writes.
        reads_source_again: whether it also reads the source of a promotion again.
        other_reads: the number of other requests that were made to prepare the plan.
    """

    plan: Plan
    rate: float | None = None
    promotion_source: PromotionSource | None = None
    reads_again: bool = False
    reads_source_again: bool = False
    other_reads: int = 0

    @property
    def requests(self) -> int:
        """The number of all requests of an undisturbed run: reads, also of the source, downloads and writes."""
        again = self.plan.read_requests if self.reads_again and not self.plan.first_write_conditional else 0
        return self.plan.requests + again + self.plan.downloads + self._source_requests + self.other_reads

    @property
    def min_seconds(self) -> float:
        """The minimum duration in seconds, from the quota of uploads; 0 if the quota is not known or has no effect."""
        return min_seconds(self.plan.publish_requests, self.rate)

    @property
    def _source_requests(self) -> int:
        if self.promotion_source is None:
            return 0
        # A replacement always reads the source again before it deletes anything.
        again = self.plan.action is Action.REPLACE or (
            self.reads_source_again and not self.plan.copies and self.plan.sends
        )
        return self.promotion_source.read_requests + (2 if again else 0)


def min_seconds(publish_requests: int, rate: float | None) -> float:
    """Return the minimum duration of the uploads. The quota allows a burst of one second's uploads."""
    return max(0.0, publish_requests / rate - 1.0) if rate else 0.0


@dataclass(frozen=True)
class ReviewTotals:
    """The totals of several plans, which share a quota.

    Attributes:
        changes, refused, unchanged: numbers of packages.
        assets: the number of assets to send.
        skipped_assets: the number of declared assets of the changing packages that the registry already has.
        size: bytes to send.
        requests: the requests of all plans.
        min_seconds: the minimum duration of all plans together.
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
    """Return the totals of one run at the command line.

    They include the read requests of refused and unchanged packages.
    """
    all_reviews = list(reviews)
    changed = [review for review in all_reviews if review.plan.changes]
    refused = sum(review.plan.action is Action.REFUSE for review in all_reviews)
    rate = next((review.rate for review in all_reviews if review.rate), None)
    return ReviewTotals(
        changes=len(changed),
        refused=refused,
        unchanged=len(all_reviews) - len(changed) - refused,
        assets=sum(len(review.plan.expected_uploads) for review in changed),
        skipped_assets=sum(len(review.plan.skipped_assets) for review in changed),
        size=sum(review.plan.upload_bytes for review in changed),
        requests=sum(review.requests for review in all_reviews),
        min_seconds=min_seconds(sum(review.plan.publish_requests for review in changed), rate),
    )
