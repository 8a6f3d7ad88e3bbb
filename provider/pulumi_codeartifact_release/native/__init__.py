"""The native provider: the plugin `pulumi-resource-codeartifact-release`, for programs in every language."""
