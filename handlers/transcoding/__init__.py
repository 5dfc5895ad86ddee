"""VideoTranscoding: turns an uploaded video into an HLS ladder that any player can play."""
