"""The wire shape for browsers and native apps: ``/v1/client``, ``/v1/me`` and what an SDK in a page needs beside."""
