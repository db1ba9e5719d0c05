"""``labs check``: prove that a lab is sound before it is released."""
