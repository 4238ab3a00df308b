"""Renderers of recipes, one registered module for each; `shared` has their common code."""
