"""From a number to the byte: value, formula and source, code, inputs, seconds of the stream, cleaning, file."""

from perf_pipeline.pipeline.explaining.answers import Explanation, UnknownIdError, explain, latest

__all__ = ["Explanation", "UnknownIdError", "explain", "latest"]
