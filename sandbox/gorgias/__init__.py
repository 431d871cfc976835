"""A stand-in of the Gorgias helpdesk: REST API, HTTP integrations, action buttons."""
