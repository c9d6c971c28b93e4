"""Training, fine-tuning and evaluation of CvT classifiers, from the command line."""
