"""What the modules of the shipped playbooks share."""
