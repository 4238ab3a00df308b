"""Parts of generative systems: Gaussian paths, their samplers, noise for each query, spectra, vocoders and small nets.

A path is x_t = a(t)·data + b(t)·start + s(t)·noise. The time t runs from the start (t = 1: noise, the mixture or an
initial estimate) to the data (t = 0). Samplers know only a `Path`, a `Denoiser` and a source of noise.

`paths` (`OrnsteinUhlenbeck`, `OptimalTransport`, `SchroedingerBridge`) and `variance_preserving` are the paths;
`parametrisation` converts what a network predicts; `samplers` draw; `noise` (`QueryNoise`) is seeded for each query.
`spectra` (`CompressedStft`) and `log_mel` (`LogMel`) are representations of signals, and `vocoders` go back from
log-mel spectra; `dilated` is a small network.
`ncsnpp` is the score network of SGMSE+.
"""
