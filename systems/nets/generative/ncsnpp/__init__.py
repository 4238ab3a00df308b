"""NCSN++ on complex spectra: the score network of SGMSE+, with the names and the order of its public weights.

Used elsewhere: `NcsnppConfig` (`config`), `Ncsnpp` and `pad_frames` (`net`).
"""
