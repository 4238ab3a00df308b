"""Common ground that knows nothing of extraction: errors, registry, validation, config files, progress."""
