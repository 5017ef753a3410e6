"""What is told: one model of a report, and its renderings."""
