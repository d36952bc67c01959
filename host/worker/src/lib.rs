//! Claims work through the broker port and runs it in the sandbox.
