"""What plugins keep between runs: tenants' settings, and cool-downs that a service has asked for."""
