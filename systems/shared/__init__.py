"""Code that several systems share.

Used elsewhere: `batches` (`full_float32`), `lengths` (`wrong_length`), `probes` (`make_probe`), `speaker_models`
(`open_speaker_model`), `class_queries` (`multi_hot`).
"""
