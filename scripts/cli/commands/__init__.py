"""What can be asked for; the modules are loaded when they are."""
