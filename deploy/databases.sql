-- Beside the database of the tables, which POSTGRES_DB makes: the one of Dagster's runs and events.
CREATE DATABASE dagster;
