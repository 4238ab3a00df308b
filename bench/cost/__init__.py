"""Cost of systems: parameters, multiply-accumulates, real-time factor, peak memory."""
