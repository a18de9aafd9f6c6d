"""Objects, Parquet and PostgreSQL: what is stored, and how it is replaced without a gap."""
