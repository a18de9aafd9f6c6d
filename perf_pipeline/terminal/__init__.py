"""What the command line does: runs, servers and what is printed."""
