"""What each detector is."""
