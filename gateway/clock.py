"""The clock, as a value of the application."""

from aiohttp import web

from runtime.clock import SystemClock

CLOCK = web.AppKey("clock", SystemClock)
