"""Who answers: the systems, their networks, training, and wrappers of outside models."""
