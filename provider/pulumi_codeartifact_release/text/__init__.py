"""Plans, progress and sizes in words, for the command line and for Pulumi."""
