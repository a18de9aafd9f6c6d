"""Athlete-grain stages, one module each: they read the whole series from PostgreSQL and write what changed."""
