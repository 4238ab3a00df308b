"""A run on a Ray cluster of two nodes, of which one is killed in the middle of the work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.mlflow_store import empty_store
from helpers.scripted import SPEECH, assert_same

from tsebench.bench.config import RunConfig
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.shards.ray_executor import RayExecutor
from tsebench.bench.tracking.live import tracked_run
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]  # Ray's own
ray: Any = pytest.importorskip("ray", reason="ray is not installed: pip install 'tsebench[ray]'")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one CPU each, without a dashboard; the driver's node has none."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Nodes that die are noticed within seconds.
    system = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
    system["worker_niceness"] = 0  # 15 otherwise, which starves on a busy machine
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": system, "object_store_memory": 80_000_000}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.workers = [made.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_node_that_is_killed_costs_no_row(cluster: Any, tmp_path: Path) -> None:
    recipe = {**SPEECH, "params": {**SPEECH["params"], "count": 24}}
    build(DatasetConfig.model_validate(recipe), tmp_path / "set", corpus_dirs={})
    config = RunConfig.model_validate(
        {
            "name": "cluster",
            "datasets": [str(tmp_path / "set")],
            "systems": ["mixture", "oracle_irm", "oracle_psm"],
            "metrics": ["snri", "si_sdri", "estoii"],
            "measure_cost": False,
        }
    )
    local = RunOptions(out=tmp_path / "local", device="cpu", jobs=0, chunk_trials=4, cache=tmp_path / "a")
    expected = run(config, local)

    out, killed = tmp_path / "ray", threading.Event()

    def kill() -> None:
        """Kill a worker's node when there are rows, and tasks that are running on it."""
        while not list((out / "rows").glob("part-*")):
            time.sleep(0.02)
        cluster.remove_node(cluster.workers[0], allow_graceful=False)
        killed.set()

    thread = threading.Thread(target=kill, daemon=True)
    empty_store(tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with tracked_run(out, uri=uri, say=lambda _: None) as live:
        options = RunOptions(
            out=out,
            device="cpu",
            jobs=1,
            chunk_trials=4,
            cache=tmp_path / "b",
            executor=RayExecutor(tasks=12),
            begin=live.begin,
        )
        thread.start()
        done = run(config, options)
    assert killed.is_set()
    assert sum(node["Alive"] and node["Resources"].get("CPU", 0) for node in ray.nodes()) == 1
    assert_same(out, tmp_path / "local")
    names = sorted(path.name for path in (out / "rows").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "local" / "rows").iterdir())
    for name in names:
        assert (out / "rows" / name).read_bytes() == (tmp_path / "local" / "rows" / name).read_bytes()
    assert (done.trials, done.failed_trials) == (expected.trials, expected.failed_trials)

    from mlflow import MlflowClient

    parents = [found for found in MlflowClient(uri).search_runs(["1"]) if "mlflow.parentRunId" not in found.data.tags]
    assert [found.info.status for found in parents] == ["FINISHED"]
