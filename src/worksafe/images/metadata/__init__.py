"""What EXIF says beside a picture: how it lies, and a preview of it."""
