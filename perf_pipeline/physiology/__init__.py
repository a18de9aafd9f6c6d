"""Streams to numbers. Pure: arrays in, arrays or frozen dataclasses out."""
