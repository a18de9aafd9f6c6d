"""Expectations of stored rows: the schema and its table of rules, checked by great-expectations.

`suites` makes expectations of both, `frames` reads the rows, `examining` gives verdicts and the Data Docs site.
Heavy to import (`examining`): only checks that run by themselves use it, never an athlete's run.
"""
