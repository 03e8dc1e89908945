"""What is measured: one file a workload, each with `TITLE` and `async def run(bench) -> list[dict]` of rows for the JSON file."""
