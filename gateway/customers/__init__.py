"""The customer of a ticket, from the widget's URL or from Gorgias; and whether the ticket is still theirs."""
