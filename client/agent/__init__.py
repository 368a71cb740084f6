"""Agent: the predictor as tools of the Model Context Protocol. The SDK is imported by `client.agent.service` alone."""
