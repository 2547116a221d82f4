"""What both APIs of this dialect share: errors, versions, how parameters are read, and shapes."""
