"""What both processes need and neither owns. Imports neither, nor the contract between them."""
