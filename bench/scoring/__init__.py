"""From answers to scores: metric plans, edge cases, worker processes, cache.

`plan.plan_metrics` resolves names to a `MetricPlan`, `scorer.Scorer` computes it for `edges.Scorable` answers with a
`pool.FilePool`, and `cache.ScoreCache` stores the scores under a key;
`identity.identity_of` is that of a system.
"""
