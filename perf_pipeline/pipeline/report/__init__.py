"""One self-contained page an athlete: facts from the tables, charts from the facts, a page from both."""
