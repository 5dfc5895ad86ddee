"""The end of things: media files with all that belongs to them, tasks with what they made, and what nobody owns."""
