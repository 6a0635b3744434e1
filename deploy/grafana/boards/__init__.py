"""The dashboards for Grafana, as data: `overview`, `tenants`, `targets` and `services`."""
