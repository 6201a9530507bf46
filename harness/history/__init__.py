"""Many results over time: an index of them, series that can be compared, and changes of their level."""
