"""Bytes to RGB pixels."""
