"""Cost of systems: parameters, multiply-accumulates, real-time factor, energy, peak memory.

`measure.measure_cost` measures a system.
"""
