"""What TRIFFT's answers to each shop have shown since this process started: in memory, bounded.

`service.py` is the way in. It imports the domain, the metrics, and of this package what reads answers.
"""
