"""What the board keeps: entries, the manifests of releases, and the index of both."""
