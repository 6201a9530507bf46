"""Obtains what a run needs: Python environments, JVM artifacts, Java and a Redis server, all kept in a per-user cache.

`cache` and `environments` use the standard library only, because `bootstrap` imports them before anything is installed.
"""
