"""Making the weights of our own detectors; PyTorch lives only here."""
