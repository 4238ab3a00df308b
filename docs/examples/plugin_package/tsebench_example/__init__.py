"""One of each: systems, network, corpus, builder, degradation, metric, report and figure of another package."""
