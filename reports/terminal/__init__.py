"""Tables in a terminal: `print_leaderboard`, `print_papers`, `report_variants`, summaries of datasets."""
