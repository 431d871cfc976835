"""Who the customer of a ticket is: by the e-mail in a widget's call, else as Gorgias says."""
