"""Pictures of why: where a detector looked, drawn."""
