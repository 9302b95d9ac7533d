"""layouts: where each data set keeps its clips, words and labels; one file a set."""
