"""PluginExecution: work that somebody else's service or code does on a media file."""
