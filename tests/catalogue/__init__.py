"""What the specs that ship are held against: formulas in mpmath, and implementations in numpy, none of which shares anything with them."""
