"""What is told: reports made from score rows alone."""
