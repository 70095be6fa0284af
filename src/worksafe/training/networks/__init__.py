"""Networks that a recipe can name: each gives logits, and a map of where it looks."""
