"""Cost of systems: parameters, multiply-accumulates, real-time factor, peak memory.

`measure.measure_cost` measures a system.
"""
