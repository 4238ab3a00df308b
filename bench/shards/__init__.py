"""Runs in pieces, on several processes or machines, and their merging.

- `shard.Shard` is one of n parts of a run or of scored folders, as `--shard 2/8` gives it; `shard_record.ShardRecord`
  is its part of run.json.
- `merge.merge_shards` makes one run folder of the folders of all n.
- `ray_executor.RayExecutor` has the rows of a run made by tasks of a Ray cluster, each by `chunk_task.carry_out`.
"""
