"""The plugins that come with the product: one module each, and what they share."""
