"""The stand-in's own JSON API, for the page: members, settings, switches, logs."""

from aiohttp import web

from sandbox.trifft.trifft import Trifft


def add_admin_routes(app: web.Application, trifft: Trifft) -> None:
    """Add the routes under /sandbox/trifft/."""
