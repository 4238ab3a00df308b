"""Reports made from score rows alone: leaderboards, tables, figures, pages, comparisons."""
