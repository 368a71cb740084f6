"""Stored features: entries on disk, their keys and checks, and arrays that users bring."""
