"""From the levels that a file stores to the colours that a viewer shows."""
