"""Samplers: from a start along a path to the data, by a number of steps.

`ode` solves the probability-flow equation by Euler, midpoint or Heun steps. `Sampler` and `times` are in `sampler`.
"""
