"""Server: rankings as durable jobs behind gRPC. One front process answers, worker processes compute."""
