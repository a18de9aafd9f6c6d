"""What each stage computes, one module a stage: decoded sessions in, rows out. Their sources are the code versions."""
