"""Code that both processes share. Imports neither process, and not the contract between them."""
