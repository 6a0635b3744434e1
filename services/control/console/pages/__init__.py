"""The pages: one module for each, with its routes and its entry in the navigation."""
