"""The thin Dagster shell around `perf_pipeline.pipeline`."""
