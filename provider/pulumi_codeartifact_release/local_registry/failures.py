"""The errors of the service, named as in botocore's model."""

from __future__ import annotations

from typing import Any


class StoreError(RuntimeError):
    """The folder cannot be used: it contains something else, or a newer version of this package wrote it."""


class ServiceError(Exception):
    """An error response.

    Attributes:
        shape: the error's name, such as `ConflictException`; errors of AWS's API gateway are not in the model.
        members: the error's members: `message`, and some of `resourceId`, `resourceType`, `reason`.
        status: the HTTP status; None for the one in the model.
    """

    def __init__(self, shape: str, message: str, *, status: int | None = None, **members: Any) -> None:
        super().__init__(message)
        self.shape = shape
        self.status = status
        self.members: dict[str, Any] = {"message": message, **members}


def invalid(message: str, reason: str = "FIELD_VALIDATION_FAILED") -> ServiceError:
    """Build a 400 for a parameter, which the message names. `reason` is one of ValidationExceptionReason."""
    return ServiceError("ValidationException", message, reason=reason)


def not_found(resource_type: str, resource_id: str, message: str = "") -> ServiceError:
    """Build a 404. `resource_type` is one of ResourceType: domain, repository, package, package-version, asset."""
    return ServiceError(
        "ResourceNotFoundException",
        message or f"The {resource_type} {resource_id} does not exist.",
        resourceId=resource_id,
        resourceType=resource_type,
    )


def conflict(message: str, resource_type: str, resource_id: str) -> ServiceError:
    """Build a 409: the request contradicts the content of the registry."""
    return ServiceError("ConflictException", message, resourceId=resource_id, resourceType=resource_type)


def quota_exceeded(message: str, resource_type: str, resource_id: str) -> ServiceError:
    """Build a 402: a quota of the account is exceeded."""
    return ServiceError("ServiceQuotaExceededException", message, resourceId=resource_id, resourceType=resource_type)


def forbidden(shape: str, message: str) -> ServiceError:
    """Build a 403 of AWS's API gateway: the signature of the request is missing or wrong."""
    return ServiceError(shape, message, status=403)


def body_mismatch() -> ServiceError:
    """Build the 400 for an asset that does not match its declared hash."""
    return invalid("Value at 'assetSHA256' is not the SHA-256 hash of the asset's content.", "OTHER")
