"""What the screens are made of; nothing here talks to the service."""
