"""Training of networks on mixtures that are drawn on the fly."""
