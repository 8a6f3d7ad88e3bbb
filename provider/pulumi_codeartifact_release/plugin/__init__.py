"""What runs in the plugin process of the Pulumi engine: check, deploy, read and delete a resource."""
