"""The one door to media that strangers sent: nothing of an upload is opened, decoded or probed but through here.

A worker child calls ``decoding.decode``; what that names runs in ``decoder``, a bounded program of its own, and opens
files by ``opening`` and ``pictures`` alone. Other programs, such as ffmpeg, are started by ``program``. ``still``
and ``thumbnail`` are programs that the gateway starts, which knows no more of them than their names. The bounds are in
``bounds``.
"""
