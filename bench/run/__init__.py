"""Runs of systems on datasets: planning, evaluation, rows, run.json.

- `runner.run` carries out a config with `prepare.RunOptions`; `prepare.prepare` plans it first.
- `evaluation.Evaluation` computes scores of an `AnswerSource` on a set; `set_scores.SetScores` makes rows
  of them.
- `record.read_record`, `write_record` and `read_runs` read and write run.json; reports see `RunFacts`,
  and of a system `system_facts.SystemFacts`.
- `estimate_store.estimates_folder` and `estimate_path` name the files of stored estimates.
"""
