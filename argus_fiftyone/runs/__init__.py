"""Runs on disk: the folder of `argus run`, and pictures and pages made from it."""
