"""Who the customer of a ticket is, and whether it still is the panel's: by the widget's URL, else as Gorgias says."""
