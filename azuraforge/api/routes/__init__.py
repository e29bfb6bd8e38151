"""The routes of the service, one file per thing they are about."""
