"""The web console: pages rendered by the server, on the operations and permissions of the API."""
