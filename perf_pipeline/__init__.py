"""Activity files in, performance knowledge out."""

__version__ = "0.1.0"
