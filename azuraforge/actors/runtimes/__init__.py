"""Where actors live: in this process, or on Ray; who looks after runs, and who reads of them."""
