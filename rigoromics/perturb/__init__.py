"""Images and masks changed on purpose: negative controls."""
