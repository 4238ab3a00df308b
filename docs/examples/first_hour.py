# %% [markdown]
# # The first hour with tsebench
#
# A notebook as a script: Jupyter (with jupytext), VS Code and PyCharm open the cells; `python first_hour.py` runs
# them in a few seconds. Nothing is downloaded. It writes into `first_hour/` of the working folder.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tsebench

PLACE = Path("first_hour")

# %% [markdown]
# ## A dataset
#
# Two synthetic voices in each mixture; each trial asks for one of them by another sentence of the same voice.
# Small here: 6 mixtures, and 4 sentences of each voice. Without `settings` it has 30.

# %%
SMALL = {"params.count": 6, "corpora.speech.options": {"utterances": 4}}
dataset = tsebench.load_dataset("mini_speech", settings=SMALL)
print(dataset)
trials = dataset.to_frame()
print(trials[["trial_id", "condition", "duration_s"]].head(3))

# %% [markdown]
# One trial: the query is all that a system may see, the truth is what its answer is compared with. Audio is
# float32 with full scale ±1, shape [C, T].

# %%
query, truth = dataset[0]
print(query)
print(truth)
# In Jupyter: from IPython.display import Audio; Audio(query.mixture.numpy(), rate=query.sample_rate_hz)

# %% [markdown]
# `build` writes the recipes of the mixtures to a folder, for runs and for others; the fingerprint says that it is
# the same dataset.

# %%
built = tsebench.build("mini_speech", out=PLACE / "data", settings=SMALL)
print(built.card.fingerprint == dataset.card.fingerprint)
dataset = tsebench.load_dataset(PLACE / "data" / "mini_speech")

# %% [markdown]
# ## A system on a batch
#
# A shipped network, trained on other synthetic voices. Estimates are [B, T].

# %%
system = tsebench.load_system("td_speakerbeam", checkpoint="td_speakerbeam_mini")
batch = dataset.batch([0, 1, 2])
extraction = system.extract(batch)
print(system)
print(extraction.estimate.shape)

# %% [markdown]
# ## Scores of one answer
#
# Improvements (SI-SDRi) compare with the mixture.

# %%
length = query.mixture.shape[-1]
scores = tsebench.score(
    estimate=extraction.estimate[0, :length],
    reference=truth.target,
    mixture=query.mixture,
    sample_rate_hz=query.sample_rate_hz,
    metrics="si_sdri,sdri,estoi",
)
print(scores.values)

# %% [markdown]
# ## A system of your own
#
# Any object with a card and `extract(batch)`. This one keeps the frequencies that the enrollment has much of.


# %%
class SpectralMatch:
    """The mixture, filtered by the long-term spectrum of the enrollment."""

    card = tsebench.SystemCard(
        name="spectral_match",
        family="external",
        description="filter by the enrollment",
        clues=frozenset({"enrollment"}),
    )

    def extract(self, batch):
        """Mixtures [B, C, T] to estimates [B, T]."""
        estimates = []
        for mixture, clues in zip(batch.mixture[:, 0].numpy(), batch.clues, strict=True):
            spectrum = np.abs(np.fft.rfft(clues.enrollments[0].numpy(), 512))
            gains = np.interp(np.linspace(0, 1, len(mixture) // 2 + 1), np.linspace(0, 1, 257), spectrum)
            estimates.append(np.fft.irfft(np.fft.rfft(mixture) * gains**0.2, len(mixture)))
        return tsebench.Extraction(estimate=batch.mixture.new_tensor(np.stack(estimates)))


# %% [markdown]
# ## A run: systems, dataset, metrics
#
# A loaded system, an object, and registered names. The run folder is that of `tsebench run`: `tsebench report`,
# `compare` and `demo` read it.

# %%
results = tsebench.evaluate(
    {"td_speakerbeam": system, "spectral_match": SpectralMatch(), "mixture": "mixture", "oracle_irm": "oracle_irm"},
    datasets=dataset,
    metrics="si_sdri,sdri,estoi",
    settings={"measure_cost": False, "keep_estimates": True},
    out=PLACE / "run",
)
print(results)  # the leaderboard; a notebook shows it as a table

# %% [markdown]
# ## Rows and the leaderboard
#
# Everything is made from rows: one for each system, trial and metric. A failed trial is a row with a reason.

# %%
rows = tsebench.read_rows(PLACE / "run")
print(rows["status"].value_counts().to_dict())
values = rows[rows["metric"] == "si_sdri"].pivot_table(
    index="trial_id", columns="system", values="value", observed=True
)
print("worst for td_speakerbeam:", values["td_speakerbeam"].nsmallest(3).round(2).to_dict())

board = tsebench.leaderboard(PLACE / "run")
frame = board.to_frame()
print(frame.loc[frame["metric"] == "si_sdri", ["system", "mean", "ci_low", "ci_high", "n"]].round(2))

# %% [markdown]
# ## A plot
#
# Easy and hard trials: the input SNR against the improvement.

# %%
snr_db = trials.set_index("trial_id")["tag_input_snr_db"].reindex(values.index)
figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
for name, marker in (("oracle_irm", "s"), ("td_speakerbeam", "o"), ("spectral_match", "x")):
    axes.scatter(snr_db, values[name], label=name, marker=marker)
axes.axhline(0, color="grey", linewidth=0.8)
axes.set(xlabel="SNR of the mixture [dB]", ylabel="SI-SDR improvement [dB]")
axes.legend()
figure.savefig(PLACE / "improvement.png", dpi=120)
plt.close(figure)

# %% [markdown]
# ## A report
#
# `formats="html"` makes a site with players. Next: [your data](../my_data.md), [your model](../my_model.md).

# %%
for path in results.report(formats="md,csv"):
    print(path)
