"""Tests of the platform; a package so that `tests.servers` can be imported from anywhere."""
