"""The live map: shows the counts in Redis, and what stands out among them, in a browser while they change.

One process and one port: `viewer.main` runs the WebSocket at ``/ws``, which sends the frames, and the Flask app that
serves the page, ``/healthz`` and ``/metrics.json``. `viewer.reader` follows Redis, `viewer.replay` a recording. Both
feed a `viewer.side.Side`, whose frames `viewer.hub` sends to all clients.
"""
