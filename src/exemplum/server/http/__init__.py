"""Requests and responses: the application, its routes, what every request passes."""
