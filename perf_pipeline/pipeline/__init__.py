"""What an asset does, without Dagster."""
