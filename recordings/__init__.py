"""From a lab's recordings to rows of data_file.csv."""
