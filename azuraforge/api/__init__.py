"""The HTTP service: `app.create_app(handles)` and `server.serve(handles, host, port)`."""
