"""Faces of results: colours, pictures, tables, sentences, and how they stand in a notebook."""
