"""The walk of a pair: register, encode, observe, score, calibrate, draw.

The only place with threads, caches and devices.
"""
