"""Made tasks: data sets that differ in what a network must see."""
