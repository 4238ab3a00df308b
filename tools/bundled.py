"""Libraries inside wheels, and models loaded at run time: facts that no metadata give."""

from __future__ import annotations

import re
from dataclasses import dataclass

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Something inside of a package, or loaded by it, which its metadata do not name.

    Attributes:
        package: distribution that holds or loads it.
        file: a file of the package that shows that it is there, or its end; "" for what is loaded later.
        means: for users.
    """

    package: str
    what: str
    licence: str
    means: str
    file: str = ""


INSIDE = (
    Inside(
        package="espeakng-loader",
        what="eSpeak NG, library and voices",
        licence="GPL-3.0-or-later",
        file="libespeak-ng.so",
        means="speaks the embedded `synthetic_speech`; use is free, but who passes on an image or a program with it "
        "does so under the GPL (tsebench itself only downloads it)",
    ),
    Inside(
        package="soxr",
        what="libsoxr, linked into the module",
        licence="LGPL-2.1-or-later",
        file="COPYING.LGPL",
        means="resampling; who passes it on lets receivers replace it, and gives its source",
    ),
    Inside(
        package="soundfile",
        what="libsndfile with LAME, mpg123, FLAC, Ogg, Vorbis and Opus",
        licence="LGPL-2.1-or-later (LAME, mpg123: LGPL; the others: BSD)",
        file="_soundfile_data",
        means="reads and writes audio; a shared library that users can replace",
    ),
    Inside(
        package="av",
        what="FFmpeg built with x264 and x265",
        licence="LGPL-3.0-or-later by its own statement; x264 and x265: GPL-2.0-or-later",
        file="libx264",
        means="extra `video` alone; treat a copy that you pass on as GPL-3.0",
    ),
    Inside(
        package="pesq",
        what="reference code of ITU-T P.862",
        licence="disputed: the package says MIT, the ITU's code allows evaluation, and commercial use needs a licence",
        file="cypesq",
        means="computes PESQ; for a product, ask the rights holders (OPTICOM, Psytechnics) first",
    ),
    Inside(
        package="pocketsphinx",
        what="acoustic and language model of American English, CMU dictionary",
        licence="BSD-2-Clause (with the package)",
        file="model/en-us",
        means="default recogniser of `wer`",
    ),
    Inside(
        package="openai-whisper",
        what="weights, downloaded at first use",
        licence="MIT",
        means="extra `asr`: recogniser `whisper:SIZE`",
    ),
    Inside(
        package="torch",
        what="NVIDIA's CUDA libraries (wheels nvidia-*), with a CUDA build of torch",
        licence="proprietary (NVIDIA's licence agreements for CUDA, cuDNN, ...)",
        means="free to use; passing on only as those agreements allow; the CPU build has none",
    ),
    Inside(
        package="triton",
        what="CUPTI and other tools of NVIDIA",
        licence="proprietary (NVIDIA's licence agreement for CUDA)",
        file="backends/nvidia",
        means="comes with Whisper and with CUDA builds of torch; passing on as for CUDA",
    ),
    Inside(
        package="speechmos",
        what="models of DNSMOS P.835, DNSMOS P.808 and PLCMOS (Microsoft)",
        licence="MIT (with the package)",
        file="dnsmos_models/sig_bak_ovr.onnx",
        means="extra `quality`: metrics `dnsmos`, `dnsmos_p808` and `plcmos`",
    ),
    Inside(
        package="silero-vad",
        what="models of Silero VAD",
        licence="MIT (with the package)",
        file="data/silero_vad_16k_sequence.onnx",
        means="extra `vad`: metrics `speech_in_silence` and `timing_f1`",
    ),
    Inside(
        package="resemblyzer",
        what="weights of the voice encoder",
        licence="Apache-2.0 (with the package)",
        file="resemblyzer/pretrained.pt",
        means="by `pip install --no-deps resemblyzer`: metrics `speaker_similarity` and `wrong_speaker_rate`",
    ),
    Inside(
        package="dnsmos (no package)",
        what="models that users give to `dnsmos`, `speaker_similarity` and `wrong_speaker_rate`",
        licence=UNKNOWN,
        means="their own licences hold; tsebench ships none of them",
    ),
)

_GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
_LGPL2, _LGPL3 = "LGPL-2.1-or-later", "LGPL-3.0-or-later OR GPL-2.0-or-later"
# By the name of a shared library, without "lib" and what follows the name.
_LIBRARIES = {
    r"espeak-ng": "GPL-3.0-or-later",
    r"sndfile.*": _LGPL2,
    r"(scipy_)?openblas(64_?)?": "BSD-3-Clause",
    r"gfortran|gomp": _GCC,
    r"quadmath": _LGPL2,
    r"av(codec|device|filter|format|util)|sw(resample|scale)": "LGPL-3.0-or-later",
    r"x26[45]": "GPL-2.0-or-later",
    r"mp3lame": "LGPL-2.0-or-later",
    r"gnutls|asound": _LGPL2,
    r"gmp|hogweed|nettle|unistring": _LGPL3,
    r"opencore-amr(nb|wb)": "Apache-2.0",
    r"SvtAv1Enc": "BSD-3-Clause-Clear",
    r"dav1d|avif|openjp2": "BSD-2-Clause",
    r"opus|vpx|webp(mux|demux)?|sharpyuv": "BSD-3-Clause",
    r"brotli(common|dec)|drm|harfbuzz|lcms2|vpl|xcb(-\w+)?|Xau": "MIT",
    r"freetype": "FTL OR GPL-2.0-only",
    r"jpeg": "IJG AND BSD-3-Clause",
    r"lzma": "0BSD",
    r"png16": "libpng-2.0",
    r"tiff": "libtiff",
    r"zstd": "BSD-3-Clause OR GPL-2.0-only",
    r"cupti|nvperf_(host|target)|checkpoint|pcsamplingutil": "proprietary (NVIDIA)",
}
# Libraries that are a package's own code.
_OWN = {
    "llvmlite": r"llvmlite",
    "onnxruntime": r"onnxruntime.*",
    "pyarrow": r"arrow.*|parquet",
    "torch": r"torch.*|c10.*|shm|aoti_.*|jitbackend_.*|backend_.*|caffe2.*",
    "torchaudio": r"_?torchaudio.*",
    "triton": r"triton|proton|GPUInstrumentation.*|MLIR.*|Triton.*",
}
_MODULE = re.compile(r"\.(cpython-\d+|abi3|pypy)[^/]*\.so$|\.pyd$")
_SHARED = re.compile(r"(?:lib)?(?P<name>.+?)(?:-[0-9a-f]{8})*(?:\.so[\d.]*|\.dylib|\.dll)$")
_HASHED = re.compile(r"(-[0-9a-f]{8})+$")


def library_of(file: str) -> str:
    """Name of a shared library from its file, "" for other files and for modules of Python."""
    last = file.rpartition("/")[2]
    found = None if _MODULE.search(last) else _SHARED.fullmatch(last)
    return _HASHED.sub("", found["name"]) if found else ""


def licence_of(library: str, package: str) -> str:
    """Licence of a shared library in a package; "" for its own code, "unknown" where the table lacks it."""
    if re.fullmatch(_OWN.get(package, "(?!)"), library):
        return ""
    return next((licence for names, licence in _LIBRARIES.items() if re.fullmatch(names, library)), UNKNOWN)
