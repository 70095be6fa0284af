"""Questions about an installation: what it runs on, and what it does with hostile input."""
