"""Pictures with what a policy minds covered up."""
