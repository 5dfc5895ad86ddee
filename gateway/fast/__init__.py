"""Where speed bends a framework: each piece does what Flask, werkzeug, flask-smorest or marshmallow would do, cheaper.

Each says what it replaces and what it gains; ``tests/gateway/test_fast.py`` compares it with what it replaces. What
gains less than 2 % of a request does not belong here.
"""
