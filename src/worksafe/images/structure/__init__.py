"""What a file's structure tells before a decoder opens it, and where viewers would differ."""
