"""Samplers: from a start along a path to the data, by a number of steps.

`ode` solves the probability-flow equation by Euler, midpoint or Heun steps, `ddim` keeps or renews the noise of a
state, `predictor_corrector` follows the reverse stochastic process. `SamplerConfig` builds one of them; `Sampler`,
their base `Stepped`, `Counted` and `times` are in `sampler`.
"""
