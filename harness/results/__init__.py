"""The models of everything that is saved, one module for each document, and nothing but models."""
