"""What stands between browsers and handlers: addresses, documents, files, and who is there."""
