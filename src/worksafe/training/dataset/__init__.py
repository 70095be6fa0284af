"""From folders of pictures and videos to a data set with a manifest."""
