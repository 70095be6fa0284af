"""Figures about what ships."""
