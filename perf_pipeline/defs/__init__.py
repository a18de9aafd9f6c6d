"""The thin Dagster shell around `perf_pipeline.pipeline`."""

import warnings

import dagster as dg

# Backfill policies are "beta" in the pinned version; the snapshot of the graph in the tests tells us when they change.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
