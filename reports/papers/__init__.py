"""Tables of papers in the papers' own layout, our numbers beside the published ones."""
