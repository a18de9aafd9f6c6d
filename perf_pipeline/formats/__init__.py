"""Bytes to `ActivityFile` and back. Pure: no I/O, no SQL, no orchestration."""
