"""HTTP: the services as JSON, and a page of jobs. Needs the extra `http`."""
