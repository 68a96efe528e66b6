"""What the program needs of the computer: terminal, storage, tables, processes."""
