"""The stages of the pipeline: one file each, none knows another; gateway/pipeline.py lists them."""
