"""Server: rankings as durable jobs behind gRPC. One front process answers, worker processes compute."""

import os

# Read once, when grpc is imported; its own lines would mix with the JSON lines of the log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
