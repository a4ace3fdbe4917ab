"""The demo company: one invented subscription product, all of whose tables hang together, with truths planted in them."""
