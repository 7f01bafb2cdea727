"""Hashes of what decides a result: source files, and code and objects in memory."""
