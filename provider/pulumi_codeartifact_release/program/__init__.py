"""What runs in a Pulumi program: the resources and their arguments, and whole manifests."""
