"""What is measured: one file a workload, each with `async def run(bench)`, which gives rows for the JSON file."""
