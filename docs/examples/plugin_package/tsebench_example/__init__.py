"""One of each: systems, network, corpus, builder, metric, report and figure of another package."""
