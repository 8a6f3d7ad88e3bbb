"""The dynamic provider: it translates between `pulumi.dynamic` and the operations in `plugin`."""
