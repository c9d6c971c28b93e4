"""What a visitor's page stands on: models, looks at photos, measurements, files, and whose turn it is."""
