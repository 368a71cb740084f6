"""Features that are kept: entries on disk, their keys and checks, and arrays that users bring."""
