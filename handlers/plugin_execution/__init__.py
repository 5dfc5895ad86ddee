"""PluginExecution: runs one plugin, of ours or somebody else's, on one media file, within what a run may do."""
