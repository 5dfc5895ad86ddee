"""Semantic search as a request and its answer over Redis: the gateway asks, any search process answers.

Any number of search processes take requests from one list. Who has yet to read what it would answer from keeps the
request, and offers it to the others as well, one of which may have read that already: whoever is first answers. Each
request carries the time after which nobody waits for its answer; the answer goes to a key of the request's own. All
times are on the Redis clock. Who waits for longer than a moment asks again, since a process may have died with the
request in its hands.
"""
