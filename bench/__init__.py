"""How it is judged: configs, loader, runner, metrics, rows, statistics, tracking."""
