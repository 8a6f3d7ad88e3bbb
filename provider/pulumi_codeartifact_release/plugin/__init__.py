"""The operations of the resources: check, preview, create, update, read and delete, for both providers."""
