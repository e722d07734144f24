"""The build: catalog, verify, generate, render, check, publish."""
