"""Code that runs in Pulumi programs: the resources, and the packages of a manifest as resources."""
