"""Agents: the tools over the Model Context Protocol, by the SDK's own client."""
