"""One card per dataset and per release kind, filled in by the generator."""
