"""Names of metrics as papers write them."""

from __future__ import annotations

_WRITTEN = {
    "si_sdr": "SI-SDR",
    "sd_sdr": "SD-SDR",
    "snr": "SNR",
    "sdr": "SDR",
    "sir": "SIR",
    "sar": "SAR",
    "pesq": "PESQ",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "wer": "WER",
    "cer": "CER",
    "dnsmos": "DNSMOS",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "attenuation": "Attenuation",
}


def written(metric: str) -> str:
    """A metric's key as papers write it: "si_sdri" is "SI-SDRi", "snri [2]" is "SNRi [2]".

    One that is not known keeps its name, with spaces for underscores.
    """
    name, space, number = metric.partition(" ")
    if name in _WRITTEN:
        shown = _WRITTEN[name]
    elif name.endswith("i") and name[:-1] in _WRITTEN:
        shown = f"{_WRITTEN[name[:-1]]}i"
    else:
        shown = name.replace("_", " ")
    return shown + space + number
