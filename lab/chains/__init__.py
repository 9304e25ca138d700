"""Certificate chains by the thousand, each with its fault, and the real stacks that judge them."""
