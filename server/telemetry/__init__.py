"""Telemetry: log lines, metrics, traces, and the HTTP page that serves metrics."""
